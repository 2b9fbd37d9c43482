// The page's state and what the user does to it. Everything lives in memory and ends with the page.

import { cancelled, Service } from "./api.js";
import { announce, save } from "./dom.js";
import { drawEvaluation, drawModel, drawNoModel } from "./model.js";
import { drawEmpty, drawHistory, drawResult, sentence } from "./view.js";

const HEALTH_EVERY_MS = 30_000;

const find = (id) => document.getElementById(id);
const service = new Service();
const state = { items: [], selected: null, health: null, opacity: 100, running: null, locked: false, asked: 0, made: 0, shown: "" };

/** Take files in, select the first of them and start classifying. */
function add(files) {
  if (!files.length) return;
  const items = [...files].map((file) => {
    state.made += 1;
    return { id: String(state.made), file, name: file.name || `pasted image ${state.made}`, preview: URL.createObjectURL(file), state: "waiting", note: "" };
  });
  state.items.push(...items);
  state.asked += items.length;
  select(items[0]);
  run();
}

function select(item) {
  state.selected = item;
  draw(item);
  if (item.state === "done" || item.state === "failed") announce(sentence(item));
}

function draw(changed) {
  drawProgress();
  find("history").hidden = !state.items.length;
  document.body.classList.toggle("used", state.items.length > 0);
  drawHistory(find("history-list"), state.items, { selected: state.selected, changed, onSelect: select });
  if (!state.selected) drawEmpty(find("result-body"));
  else if (changed === state.selected) drawResult(find("result-body"), state.selected, options(state.selected));
}

function options(item) {
  return {
    positive: state.health?.positive ?? "the positive class",
    fit: state.health?.image?.fit,
    opacity: state.opacity,
    onOpacity: (value) => (state.opacity = value),
    onRetry: () => {
      item.state = "waiting";
      state.asked += 1;
      find("result").focus();
      draw(item);
      run();
    },
  };
}

/** Classify what waits, one image after the other, until none is left or the service asks for a key. */
async function run() {
  if (state.running || state.locked) return;
  state.running = new AbortController();
  find("result").setAttribute("aria-busy", "true");
  for (let item = next(); item && !state.locked; item = next()) await classify(item, state.running.signal);
  find("result").removeAttribute("aria-busy");
  state.running = null;
  drawProgress();
}

/** Stop: the image that is being classified and those that wait end as cancelled, and may be tried again. */
function cancel() {
  for (const item of state.items.filter((each) => each.state === "waiting")) {
    Object.assign(item, { state: "failed", error: cancelled() });
    draw(item);
  }
  state.running?.abort();
  announce("Cancelled.");
  find("result").focus();
}

/** Show how far the images are that were added together. */
function drawProgress() {
  const open = state.items.filter((item) => item.state === "waiting" || item.state === "sending").length;
  if (!open) state.asked = 0;
  const done = state.asked - open;
  find("progress").hidden = !open || state.locked;
  find("done").max = state.asked || 1;
  find("done").value = done;
  find("progress-text").textContent = state.asked > 1 ? `${done} of ${state.asked} images classified` : "Classifying the image";
}

const next = () => state.items.find((item) => item.state === "waiting");

async function classify(item, signal) {
  item.state = "sending";
  item.note = "";
  draw(item);
  try {
    const onWait = (seconds) => {
      item.note = `the service is busy, trying again in ${seconds} s`;
      draw(item);
    };
    item.answer = await service.predict(item.file, { maxBytes: state.health?.uploads?.max_bytes ?? Infinity, signal, onWait });
    item.state = "done";
    unlock();
  } catch (error) {
    item.error = error;
    item.state = error.status === 401 ? "waiting" : "failed";
    if (error.status === 401) lock();
  }
  if (!state.items.includes(item)) return; // cleared meanwhile
  draw(item);
  if (item === state.selected && item.state !== "waiting") announce(sentence(item));
  if (item.answer && item.answer.model.bundle !== state.health?.bundle) refresh();
}

function lock() {
  state.locked = true;
  find("key-form").hidden = false;
  find("key-error").textContent = service.hasKey ? "The service did not accept this key. Check it with who runs the service." : "";
  find("key").setAttribute("aria-invalid", String(service.hasKey));
  find("key").focus();
  find("key").select(); // so that typing replaces a wrong key
}

function unlock() {
  if (find("key-form").hidden) return;
  find("key-form").hidden = true;
  find("key").value = "";
  if (state.health) evaluate(state.health);
  find("result").focus();
}

find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.key = find("key").value.trim();
  state.locked = false;
  run();
});

async function refresh() {
  const places = [find("model-body"), find("serving")];
  let health;
  try {
    health = await service.health();
  } catch (error) {
    state.shown = "";
    drawNoModel(...places, error.message, error.remedy);
    return;
  }
  const shown = JSON.stringify({ ...health, registry: health.registry?.unreachable }); // when it was asked is no news
  if (shown === state.shown) return; // what has the focus keeps it
  Object.assign(state, { health, shown });
  if (health.api_key_required && !service.hasKey) find("key-form").hidden = false;
  if (health.status === "ok") {
    drawModel(...places, health);
    evaluate(health);
  } else drawNoModel(...places, `No model is loaded: ${health.reason}`, "Promote a model, or correct the service's settings.");
}

/** Add what the registry knows of the model's test; the page is whole without it. */
async function evaluate(health) {
  if (health.status !== "ok" || (health.api_key_required && !service.hasKey)) return;
  try {
    const evaluation = await service.evaluation();
    if (state.health === health) drawEvaluation(find("model-body"), evaluation, health);
  } catch {
    // said by `refresh` if it lasts
  }
}

function clear() {
  state.running?.abort();
  for (const item of state.items) URL.revokeObjectURL(item.preview);
  state.items = [];
  state.selected = null;
  draw(null);
  announce("The list is empty.");
  find("drop").focus();
}

function saveTable() {
  const done = state.items.filter((item) => item.state === "done");
  const classes = [...new Set(done.flatMap((item) => Object.keys(item.answer.probabilities)))];
  const fixed = ["name", "version", "bundle", "operating_point"];
  const head = ["file", "verdict", "class", ...classes.map((name) => `probability ${name}`), ...fixed, "request", "reasons"];
  const rows = done.map(({ name, answer }) => [
    name,
    answer.verdict,
    answer.class_name,
    ...classes.map((label) => answer.probabilities[label] ?? ""),
    ...fixed.map((key) => answer.model[key] ?? ""),
    answer.request_id,
    answer.reasons.join(" "),
  ]);
  const text = [head, ...rows, [find("disclaimer").textContent]].map((row) => row.map(cell).join(",")).join("\r\n");
  save("lobule-session.csv", `${text}\r\n`, "text/csv;charset=utf-8");
}

/** Quote a value for CSV; a spreadsheet must not take a file name for a formula. */
function cell(value) {
  const text = String(value).replace(/^(?=[=+@\t\r-])/, typeof value === "number" ? "" : "'");
  return `"${text.replaceAll('"', '""')}"`;
}

find("drop").addEventListener("click", () => find("file").click());
find("file").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = ""; // the same file may be chosen again
});
find("cancel").addEventListener("click", cancel);
find("save").addEventListener("click", saveTable);
find("clear").addEventListener("click", clear);
find("history-list").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const at = state.items.findIndex((item) => item.id === event.target.dataset.item);
  const to = state.items[at + step];
  if (!to) return;
  event.preventDefault();
  find("history-list").querySelector(`[data-item="${to.id}"]`).focus();
  select(to);
});
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? find("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop").classList.remove("over");
  add(event.dataTransfer?.files ?? []);
});
draw(null);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), HEALTH_EVERY_MS);
refresh();
