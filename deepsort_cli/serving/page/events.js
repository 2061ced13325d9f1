// What happens, as it happens.

import { announce, byId, el } from "./dom.js";
import { called, cameraName, when } from "./people.js";

const TYPES = ["appeared", "left", "crossed", "entered", "recognised"];
const MOST = 100;

/** An event in words: who, and what they did. */
function words(event, state) {
  const where = state.cameras.length > 1 ? ` in ${cameraName(event.camera, state)}` : "";
  switch (event.type) {
    case "appeared":
      return `appeared${where}`;
    case "left":
      return `left${state.cameras.length > 1 ? ` ${cameraName(event.camera, state)}` : ""}`;
    case "crossed":
      return `crossed ${event.line ?? "a line"} ${event.direction === "out" ? "outwards" : "inwards"}${where}`;
    case "entered":
      return `entered ${event.zone ?? "a zone"}${where}`;
    case "recognised":
      return `was recognised${where}`;
    default:
      return `${event.type}${where}`;
  }
}

export class Events {
  constructor(run, onopen) {
    Object.assign(this, { run, onopen });
    this.log = byId("log");
    this.source = null;
    this.known = new Set();
  }

  /** Listen while the page is seen: a hidden one holds no connection. */
  mind() {
    if (document.hidden) {
      this.source?.close();
      this.source = null;
    } else if (!this.source || this.source.readyState === EventSource.CLOSED) {
      this.source = new EventSource(`/events?last=${MOST}`);
      for (const type of TYPES) this.source.addEventListener(type, (message) => this.take(message));
    }
  }

  restart() {
    this.source?.close();
    this.source = null;
    this.mind();
  }

  /** Events come again after a break: each counts once. */
  take(message) {
    if (!this.run.state || (message.lastEventId && this.known.has(message.lastEventId))) return;
    this.known.add(message.lastEventId);
    if (this.known.size > 4 * MOST) this.known = new Set([...this.known].slice(-2 * MOST));
    this.add(JSON.parse(message.data), this.run.state);
  }

  add(event, state) {
    const key = event.person > 0 ? `p${event.person}` : `c${event.camera}-${event.id}`;
    const who = called({ key, name: event.name, person: event.person > 0 ? event.person : null });
    const what = words(event, state);
    byId("log-empty").hidden = true;
    this.log.prepend(
      el(
        "li",
        { class: event.type },
        el("time", { datetime: new Date(event.time * 1000).toISOString() }, when(event.time, [event.camera], state)),
        el(
          "span",
          {},
          el("button", { type: "button", class: "link", onclick: () => this.onopen(key) }, who),
          ` ${what}`,
        ),
      ),
    );
    while (this.log.children.length > MOST) this.log.lastElementChild.remove();
    announce(`${who} ${what}`);
  }
}
