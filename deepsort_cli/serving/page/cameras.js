// The grid of cameras.

import { byId, counted, el, facts, keep, say } from "./dom.js";
import { LivePicture } from "./live.js";

const STATES = { waiting: "waiting", running: "running", ended: "ended", failed: "failed" };

/** What a camera reports, as rows of a list. */
export function numbers(camera) {
  const some = (value, unit) => {
    const known = camera.state === "running" && value !== null && value !== undefined;
    return known ? `${value.toFixed(value < 10 ? 1 : 0)}${unit}` : "–";
  };
  const count = (value) => (value ?? 0).toLocaleString("en");
  const both = [
    ["people", camera.people_now],
    ["fps", some(camera.fps, "")],
  ];
  if (camera.live === false) return [...both, ["frames", count(camera.frames)]];
  return [
    ...both,
    ["latency", some(camera.latency_ms, " ms")],
    ["skipped", count(camera.skipped)],
    ["reconnects", count(camera.reconnects)],
  ];
}

/** Show the state of a camera in a badge. */
export function badge(element, camera) {
  element.className = `badge ${STATES[camera.state] ?? ""}`;
  say(element, STATES[camera.state] ?? String(camera.state));
}

/** What a camera says is wrong. Settings stand in backticks there, for programs. */
const complaint = (camera) => (camera.message ?? "").replaceAll(/`([\w.]+)`/g, "$1");

/** What to say over a picture that does not move; empty for one that does. */
export function trouble(camera) {
  if (camera.message) return complaint(camera);
  const words = { waiting: "Waiting for the first picture", ended: "Ended", failed: "No picture" };
  return words[camera.state] ?? "";
}

export class Grid {
  constructor(onopen) {
    this.grid = byId("grid");
    this.onopen = onopen;
    this.pictures = new Map();
    this.paused = false;
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const picture = this.pictures.get(entry.target);
        if (!picture) continue;
        picture.visible = entry.isIntersecting;
        this.mind(picture);
      }
    });
  }

  show(cameras) {
    this.grid.dataset.count = String(Math.min(cameras.length, 9));
    keep(
      this.grid,
      cameras,
      (camera) => camera.index,
      (camera) => this.make(camera),
      (tile, camera) => this.update(tile, camera),
    );
  }

  make(camera) {
    const canvas = el("canvas", { role: "img" });
    const tile = el(
      "figure",
      { class: "tile" },
      el(
        "button",
        { type: "button", class: "picture", onclick: () => this.onopen(camera.index) },
        canvas,
        el("span", { class: "over" }),
      ),
      el(
        "figcaption",
        {},
        el("div", { class: "tile-head" }, el("h3"), el("span", { class: "badge" })),
        el("dl", { class: "numbers" }),
        el("p", { class: "quiet regions-now" }),
      ),
    );
    const picture = new LivePicture(canvas, camera.index);
    picture.visible = false;
    this.pictures.set(tile, picture);
    this.seen.observe(tile);
    return tile;
  }

  update(tile, camera) {
    const button = tile.querySelector("button");
    const canvas = tile.querySelector("canvas");
    const name = camera.name;
    const people = counted(camera.people_now, "person", "people");
    button.setAttribute("aria-label", `Enlarge ${name}: ${camera.state}, ${people} now`);
    canvas.setAttribute("aria-label", `Live picture of ${name}`);
    if (camera.width && camera.height) canvas.style.aspectRatio = `${camera.width} / ${camera.height}`;
    say(tile.querySelector("h3"), name);
    tile.querySelector("h3").title = name;
    badge(tile.querySelector(".badge"), camera);
    facts(tile.querySelector("dl"), numbers(camera));
    say(tile.querySelector(".regions-now"), regionsNow(camera));
    const over = camera.state === "running" ? complaint(camera) : trouble(camera);
    say(tile.querySelector(".over"), over);
    tile.classList.toggle("still", camera.state !== "running");
    const picture = this.pictures.get(tile);
    picture.camera = camera;
    this.mind(picture);
  }

  /** Run a picture where somebody sees it. */
  mind(picture) {
    picture.mind(picture.visible && !this.paused && !document.hidden, picture.camera);
  }

  /** Stop all pictures, as long as something lies over them. */
  pause(paused) {
    this.paused = paused;
    for (const picture of this.pictures.values()) this.mind(picture);
  }
}

function regionsNow(camera) {
  const lines = (camera.lines ?? []).map((line) => `${line.name}: ${line.in} in, ${line.out} out`);
  const zones = (camera.zones ?? []).map((zone) => `${zone.name}: ${zone.inside} inside`);
  return [...lines, ...zones].join(" · ");
}
