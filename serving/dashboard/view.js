// One result and the list of this session's results, drawn from the answers of `POST /predict`.

import { digest, el, percent, term, words } from "./dom.js";
import { versionOf } from "./model.js";

const VERDICTS = {
  accept: { title: "Accepted", text: "The score is clear of the operating point, and the image resembles those that the model knows." },
  abstain: { title: "Abstained", text: "The score is too close to call. Treat this as no answer: a person should look at the image." },
  out_of_distribution: {
    title: "Out of distribution",
    text: "This image differs from those that the model knows, so its scores cannot be trusted. Check that it is the right kind of image.",
  },
};
const RETRYABLE = (error) => !error.status || error.status >= 500 || error.status === 429;

const verdictOf = (answer) => VERDICTS[answer.verdict] ?? { title: words(answer.verdict), text: "" };

/** The class with its probability, or that there is no answer. */
const outcomeOf = (answer) => (answer.verdict === "accept" ? `${words(answer.class_name)}, ${percent(answer.probabilities[answer.class_name])}` : "no answer");

/** Say a result in one sentence, for screen readers. */
export function sentence(item) {
  if (item.state === "done") {
    return `${item.name}: ${verdictOf(item.answer).title}, ${outcomeOf(item.answer)}.`;
  }
  if (item.state === "failed") return `${item.name}: ${item.error.message} ${item.error.remedy}`;
  return `${item.name}: ${progress(item)}.`;
}

/** Draw what stands before the first image: what the model can answer. */
export function drawEmpty(body) {
  const verdicts = Object.entries(VERDICTS).map(([name, { title, text }]) => verdictBox(name, title, text));
  const lead = el("p", { className: "lead" }, "Add an image to see its class, the probabilities and what moved the model.");
  body.replaceChildren(lead, el("h3", {}, "What the model can answer"), ...verdicts);
}

function verdictBox(name, title, text, reasons = null) {
  return el("div", { className: `verdict ${name}` }, el("p", { className: "title" }, title), el("p", {}, text), reasons);
}

/** Draw one item. `options`: positive class, fit of the image, opacity of the heat map, callbacks `onOpacity` and `onRetry`. */
export function drawResult(body, item, options) {
  const parts = { done: answered, failed }[item.state]?.(item, options) ?? [pending(item)];
  const figure = picture(item, options);
  const source = item.answer ? provenance(item.answer) : null;
  body.replaceChildren(el("div", { className: "answer" }, el("div", { className: "says" }, ...parts), figure, source));
}

const pending = (item) => el("p", { className: "lead" }, `${sentence(item)}..`);
const progress = (item) => (item.state === "sending" ? item.note || "being classified" : "waiting for its turn");

function failed(item, { onRetry }) {
  if (!RETRYABLE(item.error)) return [problem(item.error, item.name)];
  const retry = el("button", { className: "quiet", type: "button" }, "Try again");
  retry.addEventListener("click", onRetry);
  return [problem(item.error, item.name), retry];
}

/** An error in words: what happened, what to do, and the code to name when asking for help. */
function problem(error, name) {
  return el(
    "div",
    { className: "problem" },
    el("h3", {}, `${name} was not classified`),
    el("p", { className: "message" }, asSentence(error.message)),
    el("p", { className: "remedy" }, el("strong", {}, "What to do: "), asSentence(error.remedy)),
    el("p", { className: "fine" }, `Code ${error.code}${error.status ? `, status ${error.status}` : ""}`),
  );
}

function asSentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

function answered(item, options) {
  const { answer } = item;
  const verdict = verdictOf(answer);
  const reasons = el("ul", { className: "reasons" }, ...answer.reasons.map((reason) => el("li", {}, asSentence(reason))));
  const accepted = answer.verdict === "accept";
  return [
    el(
      "div",
      {},
      el("p", { className: "label" }, accepted ? "Predicted class" : "The model gives"),
      el("p", { className: "headline" }, accepted ? words(answer.class_name) : "No answer"),
    ),
    verdictBox(answer.verdict, verdict.title, verdict.text, reasons),
    accepted ? null : el("p", { className: "closest" }, `Closest class, not an answer: ${words(answer.class_name)}`),
    el("h3", {}, "Calibrated probabilities"),
    bars(answer, options.positive),
    pointNote(answer, options.positive),
  ];
}

function bars(answer, positive) {
  const point = answer.model.operating_point;
  const rows = Object.entries(answer.probabilities).map(([name, probability]) => {
    const fill = el("span", { className: "fill" });
    fill.style.width = `${probability * 100}%`;
    const track = el("span", { className: "track", "aria-hidden": "true" }, fill);
    if (name === positive) {
      const mark = el("span", { className: "mark" });
      mark.style.left = `${point * 100}%`;
      track.append(mark);
    }
    const chosen = name === answer.class_name;
    const value = el("span", { className: "value" }, percent(probability));
    return el("li", { className: chosen ? "bar chosen" : "bar" }, el("span", { className: "name" }, words(name)), value, track);
  });
  return el("ul", { className: "bars" }, ...rows);
}

function pointNote(answer, positive) {
  const point = percent(answer.model.operating_point);
  const text = `Operating point: ${words(positive)} from ${point} on, chosen on validation images.`;
  return el("p", { className: "fine point" }, text);
}

function provenance(answer) {
  const { model } = answer;
  const rows = [
    term("Model", `${model.name}, ${versionOf(model)}`),
    term("Bundle", digest("bundle digest", model.bundle)),
    term("Dataset", digest("dataset digest", model.dataset)),
    term("Certificate", digest("certificate digest", model.certificate)),
    term("Request", digest("request id", answer.request_id)),
  ];
  return el("div", { className: "provenance" }, el("h3", {}, "Where this answer comes from"), el("dl", { className: "facts" }, ...rows));
}

function picture(item, { fit, opacity, onOpacity }) {
  const answer = item.answer ?? {};
  const base = el("img", { className: "base", alt: `The image ${item.name}` });
  const stage = el("div", { className: "stage" }, base);
  const unseen = item.state === "failed" ? "This file cannot be shown." : "This browser cannot show this file. The service's picture follows.";
  base.addEventListener("error", () => stage.replaceChildren(el("p", { className: "fine" }, unseen)));
  base.src = answer.image || item.preview;
  const figure = el("figure", {}, stage);
  const caption = el("figcaption", {}, el("span", { className: "file" }, item.name));
  if (!answer.heatmap) {
    figure.append(caption);
    return figure;
  }
  const target = words(answer.class_name);
  const outside = fit === "crop" ? " Dark borders: not seen by the model." : "";
  const heat = el("img", { className: "heat", src: answer.heatmap, alt: `Heat map of ${item.name}: where the image speaks for ${target}` });
  stage.append(heat);
  const amount = el("span", { className: "value", "aria-hidden": "true" });
  const slider = el("input", { id: "opacity", type: "range", min: 0, max: 100, step: 5, value: opacity });
  const apply = () => {
    heat.style.opacity = slider.value / 100;
    amount.textContent = `${slider.value} %`;
    slider.setAttribute("aria-valuetext", `${slider.value} percent`);
  };
  slider.addEventListener("input", () => {
    apply();
    onOpacity(Number(slider.value));
  });
  apply();
  figure.append(el("div", { className: "slider" }, el("label", { htmlFor: "opacity" }, "Heat map"), slider, amount));
  caption.append(el("span", {}, `Bright: what speaks most for ${target}. No glow: nothing does.${outside}`, el("br"), "A hint about the model, not a finding."));
  figure.append(caption);
  return figure;
}

/** Draw the list of this session: entries that are new or `changed`. `onSelect(item)` is called when one is chosen. */
export function drawHistory(list, items, { selected, changed, onSelect }) {
  while (list.children.length > items.length) list.lastChild.remove();
  items.forEach((item, at) => {
    const old = list.children[at];
    if (!old) list.append(el("li", {}, entry(item, onSelect)));
    else if (item === changed) {
      const focused = old.contains(document.activeElement);
      old.replaceChildren(entry(item, onSelect));
      if (focused) old.firstChild.focus();
    }
    list.children[at].firstChild.setAttribute("aria-current", String(item === selected));
  });
}

function entry(item, onSelect) {
  const thumb = el("img", { className: "thumb", alt: "", width: 44, height: 44 });
  thumb.addEventListener("error", () => thumb.replaceWith(el("span", { className: "thumb" })), { once: true });
  thumb.src = item.answer?.image || item.preview;
  const button = el(
    "button",
    { type: "button", className: "entry", title: item.name },
    thumb,
    el("span", { className: "text" }, el("span", { className: "file" }, item.name), el("span", { className: "fine" }, outcome(item))),
    el("span", { className: `badge ${item.answer?.verdict ?? item.state}` }, badge(item)),
  );
  button.dataset.item = item.id;
  button.addEventListener("click", () => onSelect(item));
  return button;
}

function outcome(item) {
  if (item.state === "done") return outcomeOf(item.answer);
  if (item.state === "failed") return asSentence(item.error.message);
  return progress(item);
}

function badge(item) {
  if (item.state === "done") return verdictOf(item.answer).title;
  if (item.error?.code === "cancelled" && item.state === "failed") return "Cancelled";
  return { failed: "Error", sending: "\u2026", waiting: "\u2026" }[item.state];
}
