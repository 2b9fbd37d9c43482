// The card of the model that answers, drawn from `GET /health`.

import { digest, el, percent, term, when, words } from "./dom.js";

/** Draw the champion's card, and the line in the page's head that names it. */
export function drawModel(body, line, health) {
  line.replaceChildren(dot("ok"), `${health.name}, ${versionOf(health)}`);
  body.replaceChildren(
    ...warnings(health),
    el(
      "div",
      { className: "columns" },
      group("Identity", identity(health)),
      group("What it takes and answers", answers(health)),
      intended(health),
      el("div", { className: "group", id: "figures" }, validation(health)),
    ),
    group("Digests", digests(health), "digests"),
    ...links(health.links ?? {}),
  );
}

/** Say in the page's head and card that the service does not tell its model. */
export function drawNoModel(body, line, message, remedy) {
  line.replaceChildren(dot("bad"), "No model answers");
  body.replaceChildren(el("p", { className: "notice" }, message), el("p", { className: "fine" }, remedy));
}

const dot = (kind) => el("span", { className: `dot ${kind}`, "aria-hidden": "true" });

function group(title, rows, extra = "") {
  return el("div", { className: "group" }, el("h3", {}, title), el("dl", { className: `facts ${extra}` }, ...rows));
}

/** The version of a model in words; a bundle from a directory has none. */
export const versionOf = ({ version }) => (version === null ? "not registered" : `version ${version}`);

function warnings(health) {
  const found = [];
  if (health.leaking) found.push("This model was trained under a protocol that leaks between training and test images. Its scores are for comparison only.");
  if (health.oracle) found.push("This model learnt from images cut down to their lesion by a mask. It answers nothing meaningful about a whole image.");
  if (health.refused) found.push(`A newer version was refused: ${health.refused}`);
  if (health.registry?.unreachable) found.push("The model registry does not answer. This model goes on serving; a newer champion would be missed.");
  return found.map((text) => el("p", { className: "notice" }, text));
}

function identity(health) {
  return [
    term("Name", health.name),
    term("Version", String(health.version ?? "not registered")),
    term("Chosen by", health.followed ? `following @${health.alias}` : "pinned"),
    term("Recipe", health.recipe),
    term("Trained", when(health.created)),
    term("Loaded since", when(health.loaded_since)),
  ];
}

function answers(health) {
  const { image, operating_point: point } = health;
  const classes = health.classes.map((name) =>
    el("li", {}, words(name), name === health.positive ? el("span", { className: "tag" }, "positive") : null),
  );
  return [
    term("Classes", el("ul", { className: "classes" }, ...classes)),
    term("Image", `${image.width} \u00d7 ${image.height} pixels, ${image.fit === "crop" ? "centre crop" : "stretched"}`),
    term("Operating point", percent(point.threshold)),
    term("Sensitivity there", `${percent(point.sensitivity)} (validation)`),
    term("Specificity there", `${percent(point.specificity)} (validation)`),
  ];
}

function validation(health) {
  const metrics = Object.entries(health.validation);
  if (!metrics.length) return "";
  return group(
    "Metrics on validation images",
    metrics.map(([name, value]) => term(words(name), number(value))),
  );
}

/** A count as it is, a share to three decimals, and what would round to nothing as 1.8e-6. */
const number = (value) =>
  Number.isInteger(value) && value > 1 ? String(value) : value && Math.abs(value) < 0.0005 ? value.toExponential(1) : value.toFixed(3);

/** Put the figures of the test split, with their intervals, in the place of those of the validation split. */
export function drawEvaluation(body, evaluation, health) {
  if (!evaluation) return;
  const shown = FIGURES.filter(([name]) => evaluation.metrics[name]);
  const rows = shown.map(([name, label]) => term(label(words(health.positive)), figure(evaluation.metrics[name])));
  const said = `${evaluation.images} test images in ${evaluation.groups} groups that no training saw. In brackets: 95 % intervals over groups.`;
  body.querySelector("#figures").replaceChildren(group("Reached on test images", rows), el("p", { className: "fine" }, said));
}

const FIGURES = [
  ["auc", () => "AUC"],
  ["sensitivity", (positive) => `Sensitivity for ${positive}`],
  ["specificity", () => "Specificity"],
  ["balanced_accuracy", () => "Balanced accuracy"],
  ["ece", () => "Calibration error"],
];

const figure = ({ value, low, high }) => `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

function intended(health) {
  return group("Intended use", [
    term("For", health.intended_use.purpose),
    term("Not for", health.intended_use.not_for),
    term("Knows", `Only ${health.classes.map(words).join(", ")}, from images like those of its data set`),
  ]);
}

function links(addresses) {
  const named = { mlflow: "Runs and versions in MLflow", drift: "Drift report" };
  const found = Object.entries(addresses).map(([key, href]) => el("li", {}, el("a", { href, rel: "noreferrer" }, named[key] ?? key)));
  return found.length ? [el("ul", { className: "links" }, ...found)] : [];
}

function digests(health) {
  return ["bundle", "dataset", "certificate"].map((name) => term(name, digest(`${name} digest`, health[name])));
}
