// Building blocks of the page. Text from the service enters as text nodes only, never as HTML.

/** Make an element: properties are set on it, children may be nodes, strings or null. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A probability in [0, 1] as a percentage that never rounds to certainty. */
export function percent(probability) {
  const value = probability * 100;
  if (value > 99.9 && value < 100) return "> 99.9 %";
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value.toFixed(1)} %`;
}

/** The name of a class or metric as people write it: `pr_auc` becomes `PR AUC`. */
export function words(name) {
  return String(name).replaceAll("_", " ").replace(/\b(auc|auroc|auprc|ece|idc|pr|roc)\b/g, (found) => found.toUpperCase());
}

/** A time in UTC (ISO 8601) in the reader's own time zone. */
export function when(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return String(iso);
  const text = date.toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  return el("time", { dateTime: iso, title: iso }, text);
}

/** One row of a description list. */
export function term(name, ...value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
}

/** A digest shown short, with a button that copies it whole. */
export function digest(name, value) {
  const short = value.replace(/^sha256:/, "").slice(0, 12);
  const button = el("button", { className: "copy", type: "button", title: value });
  const shown = el("code", {}, short);
  const hint = el("span", { className: "hint" }, "copy");
  button.append(shown, " ", hint, el("span", { className: "hidden" }, ` the whole ${name}`));
  button.addEventListener("click", async () => {
    hint.textContent = (await copy(value)) ? "copied" : "select and copy";
    if (hint.textContent !== "copied") shown.textContent = value;
    announce(hint.textContent === "copied" ? `The ${name} is copied.` : `The ${name} is ${value}`);
    setTimeout(() => (hint.textContent = "copy"), 2000);
  });
  return button;
}

/** Tell screen readers what changed. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

/** Offer a text as a file to save. */
export function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text); // pages that are served without TLS have no clipboard interface
  }
}

function copyOldWay(text) {
  const focused = document.activeElement;
  const area = el("textarea", { value: text, className: "hidden", "aria-hidden": "true" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}
