// Making elements, and words for numbers and times. Text always goes in as text: names may hold anything.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An HTML element with attributes, listeners (`onclick`) and children, which are elements or text. */
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** The same for SVG. */
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Set the text of an element, and leave it alone where it is the same. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make the children of a list those of `items`, and keep the elements of items that stay: focus does as well. */
export function keep(list, items, keyOf, make, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) old.delete(key);
    else {
      child = make(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === place) place = place.nextElementSibling;
    else list.insertBefore(child, place);
  }
  for (const child of old.values()) child.remove();
}

/** Rows of a `dl`. */
export function facts(list, rows) {
  keep(
    list,
    rows.filter(Boolean),
    ([name]) => name,
    ([name]) => el("div", {}, el("dt", {}, name), el("dd")),
    (row, [, value]) => say(row.lastElementChild, String(value)),
  );
}

export const counted = (number, singular, plural = `${singular}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;

/** Seconds as people say them: `8 s`, `2 min 5 s`, `3 h 12 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** The time of day, with the date where it is another day; `seconds` since 1970. */
export function clock(seconds, precise = true) {
  const time = new Date(seconds * 1000);
  const parts = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (precise) parts.second = "2-digit";
  const text = time.toLocaleTimeString("en-GB", parts);
  return time.toDateString() === new Date().toDateString()
    ? text
    : `${time.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${text}`;
}

/** A place in a recorded video: `2:05`, `1:02:05`. */
export function position(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const rest = `${whole < 3600 ? Math.floor(whole / 60) : two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return whole < 3600 ? rest : `${Math.floor(whole / 3600)}:${rest}`;
}

export const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

let lastWords = 0;

/** Have a screen reader say something, at most every few seconds. */
export function announce(text) {
  if (Date.now() - lastWords < 5000) return;
  lastWords = Date.now();
  byId("announcer").textContent = text;
}

/** What closes a dialog: its button, and a click beside it. */
export function closable(dialog) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
