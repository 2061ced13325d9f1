// What happens, as it happens.

import { announce, byId, clock, el } from "./dom.js";
import { called, cameraName } from "./people.js";

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
      return `crossed ${event.line ?? "a line"}, ${event.direction === "out" ? "out" : "in"}${where}`;
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
  }

  /** Listen while the page is seen: a hidden one holds no connection. */
  mind() {
    if (document.hidden) {
      this.source?.close();
      this.source = null;
    } else if (!this.source || this.source.readyState === EventSource.CLOSED) {
      this.source = new EventSource("/events");
      for (const type of TYPES) this.source.addEventListener(type, (message) => this.add(message.data));
    }
  }

  restart() {
    this.source?.close();
    this.source = null;
    this.mind();
  }

  add(data) {
    const { state } = this.run;
    if (!state) return;
    const event = JSON.parse(data);
    const key = event.person > 0 ? `p${event.person}` : `c${event.camera}-${event.id}`;
    const who = called({ key, name: event.name, person: event.person > 0 ? event.person : null }, { ...state, cameras: state.cameras.slice(0, 1) });
    const what = words(event, state);
    const time = typeof event.time === "number" ? event.time : Date.parse(event.time) / 1000;
    byId("log-empty").hidden = true;
    this.log.prepend(
      el(
        "li",
        { class: event.type },
        el("time", { datetime: new Date(time * 1000).toISOString() }, clock(time)),
        el("span", {}, el("button", { type: "button", class: "link", onclick: () => this.onopen(key) }, who), ` ${what}`),
      ),
    );
    while (this.log.children.length > MOST) this.log.lastElementChild.remove();
    announce(`${who} ${what}`);
  }
}
