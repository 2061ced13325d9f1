// The wall of people.

import { call } from "./api.js";
import { byId, clock, counted, duration, el, keep, position, say } from "./dom.js";

const EVERY = 3000;
const PAGE = 60;

/** What to call somebody: their name, their number over all cameras, or their track. */
export function called(row) {
  if (row.name) return row.name;
  if (row.person) return `Person ${row.person}`;
  const [, id] = /^c\d+-(\d+)$/.exec(row.key) ?? [];
  return id === undefined ? row.key : `Track ${id}`;
}

export const cameraName = (index, state) =>
  state.cameras.find((camera) => camera.index === index)?.name ?? `camera ${index}`;

/** When something was: the time of day, or the place in the video where nothing is live. */
export function when(seconds, cameras, state) {
  const known = cameras.map((index) => state.cameras.find((camera) => camera.index === index));
  const recorded = known.length > 0 && known.every((camera) => camera?.live === false);
  return recorded ? position(seconds - (known[0].began ?? Date.parse(state.started) / 1000)) : clock(seconds);
}

/** A button with the picture of somebody, for the wall and for what a search found. */
export function card(onopen) {
  const item = el(
    "li",
    {},
    el(
      "button",
      { type: "button", class: "person" },
      el("span", { class: "crop" }),
      el("strong"),
      el("span", { class: "where" }),
      el("span", { class: "quiet" }),
    ),
  );
  item.firstElementChild.addEventListener("click", () => onopen(item.dataset.key));
  return item;
}

/** Fill such a button. */
export function fillCard(item, row, state, more = "") {
  const button = item.firstElementChild;
  const name = called(row);
  showCrop(button.querySelector(".crop"), row, "");
  button.classList.toggle("here", row.now);
  say(button.querySelector("strong"), name);
  const where = row.cameras.map((index) => cameraName(index, state)).join(", ");
  say(button.querySelector(".where"), state.cameras.length > 1 ? where : "");
  const first = when(row.first, row.cameras, state);
  const time = row.now ? `since ${first}` : `${first} – ${when(row.last, row.cameras, state)}`;
  say(button.querySelector(".quiet"), more || `${time} · ${duration(row.seconds)}`);
  button.title = `${name}: ${where}`;
}

/** Put the crop of somebody into an element, or leave the empty place where there is none yet. */
export function showCrop(place, row, alt) {
  const old = place.querySelector("img");
  if (!row.crop) old?.remove();
  else if (!old) place.append(el("img", { src: row.crop, alt }));
  else if (old.getAttribute("src") !== row.crop) old.setAttribute("src", row.crop);
}

export class Wall {
  constructor(run, onopen) {
    Object.assign(this, { run, onopen });
    this.limit = PAGE;
    this.asked = 0;
    byId("more").addEventListener("click", () => {
      this.limit += PAGE;
      this.again();
    });
    for (const id of ["people-camera", "people-now"]) byId(id).addEventListener("change", () => this.again());
  }

  again() {
    this.asked = 0;
    this.update();
  }

  async update() {
    const { state } = this.run;
    if (document.hidden || !state || Date.now() - this.asked < EVERY) return;
    const asked = (this.asked = Date.now());
    const select = byId("people-camera");
    keep(
      select,
      [{ index: "", name: "all" }, ...state.cameras],
      (camera) => camera.index,
      (camera) => el("option", { value: camera.index }),
      (option, camera) => say(option, camera.name),
    );
    select.parentElement.hidden = state.cameras.length < 2;
    const query = new URLSearchParams({ limit: this.limit });
    if (select.value) query.set("camera", select.value);
    if (byId("people-now").checked) query.set("now", "1");
    try {
      const found = await call(`/api/people?${query}`);
      if (asked === this.asked) this.show(found, state);
    } catch {
      // the connection's own line says what is wrong
    }
  }

  show({ total, forgotten, people }, state) {
    const filtered = byId("people-camera").value || byId("people-now").checked;
    if (!filtered) this.run.total = total + (forgotten ?? 0);
    keep(
      byId("wall"),
      people,
      (row) => row.key,
      () => card(this.onopen),
      (item, row) => fillCard(item, row, state),
    );
    byId("wall-empty").hidden = people.length > 0;
    byId("more").hidden = people.length >= total;
    const gone = forgotten ? `; ${counted(forgotten, "earlier one is", "earlier ones are")} no longer kept` : "";
    say(
      byId("people-count"),
      `${counted(total, state.across ? "person" : "track", state.across ? "people" : "tracks")}${gone}`,
    );
  }
}
