// One person: when they were where, and the way they took.

import { call } from "./api.js";
import { byId, closable, counted, duration, el, facts, say, svg } from "./dom.js";
import { called, cameraName, showCrop, when } from "./people.js";

const EVERY = 2000;
const MOST_PATHS = 30;

export class PersonView {
  constructor(run, { onchange, onsearch }) {
    Object.assign(this, { run, onchange, onsearch });
    this.view = byId("person-view");
    closable(this.view);
    this.view.addEventListener("close", () => {
      clearInterval(this.timer);
      onchange();
    });
  }

  get open() {
    return this.view.open;
  }

  async show(key) {
    this.key = key;
    this.build();
    if (!this.view.open) this.view.showModal();
    this.onchange();
    clearInterval(this.timer);
    this.timer = setInterval(() => document.hidden || this.refresh(), EVERY);
    await this.refresh();
  }

  build() {
    say(byId("person-title"), "…");
    this.crop = el("div", { class: "crop large" });
    this.facts = el("dl", { class: "numbers" });
    this.problem = el("p", { class: "error", role: "alert" });
    this.search = el("button", { type: "button", onclick: () => this.lookAlikes() }, "Who else looks like this?");
    this.search.hidden = true;
    this.timeline = el("div", { class: "timeline" });
    this.paths = el("div", { class: "plots" });
    this.rows = el("tbody");
    const head = ["camera", "track", "from", "to", "how long"].map((name) => el("th", { scope: "col" }, name));
    byId("person-body").replaceChildren(
      el("div", {}, this.crop, this.search),
      el(
        "div",
        {},
        this.problem,
        this.facts,
        el("h3", {}, "Timeline"),
        this.timeline,
        el("h3", {}, "Path"),
        this.paths,
        el(
          "details",
          {},
          el("summary", {}, "All visits as a table"),
          el(
            "div",
            { class: "scroll", tabindex: "0" },
            el("table", {}, el("thead", {}, el("tr", {}, head)), this.rows),
          ),
        ),
      ),
    );
  }

  async refresh() {
    const key = this.key;
    try {
      const row = await call(`/api/people/${encodeURIComponent(key)}`);
      if (key !== this.key) return;
      say(this.problem, "");
      this.fill(row, this.run.state);
    } catch (error) {
      clearInterval(this.timer);
      say(this.problem, error.status === 404 ? "This person is no longer kept." : error.message);
      if (byId("person-title").textContent === "…") say(byId("person-title"), "Not found");
    }
  }

  fill(row, state) {
    this.row = row;
    say(byId("person-title"), called(row));
    showCrop(this.crop, row, `The best picture of ${called(row)}`);
    this.search.hidden = !row.crop || state.search === false;
    facts(this.facts, [
      row.name && row.person ? ["person", row.person] : null,
      ["first seen", when(row.first, row.cameras, state)],
      ["last seen", row.now ? "now" : when(row.last, row.cameras, state)],
      ["in all", duration(row.seconds)],
      ["visits", row.visits.length + (row.visits_dropped ?? 0)],
      ["where", row.cameras.map((index) => cameraName(index, state)).join(", ")],
      row.visits_dropped ? ["not shown", counted(row.visits_dropped, "earlier visit")] : null,
    ]);
    this.fillTimeline(row, state);
    this.fillPaths(row, state);
    this.rows.replaceChildren(
      ...[...row.visits].reverse().map((visit) =>
        el(
          "tr",
          {},
          [
            cameraName(visit.camera, state),
            visit.id,
            when(visit.from, [visit.camera], state),
            when(visit.to, [visit.camera], state),
            duration(visit.to - visit.from),
          ].map((cell) => el("td", {}, String(cell))),
        ),
      ),
    );
  }

  /** A row of bars for each camera. */
  fillTimeline(row, state) {
    const span = Math.max(row.last - row.first, 1);
    const mark = (seconds) => when(seconds, row.cameras, state);
    const lanes = row.cameras.map((index) => {
      const visits = row.visits.filter((visit) => visit.camera === index);
      const total = visits.reduce((sum, visit) => sum + visit.to - visit.from, 0);
      const words = `${cameraName(index, state)}: ${counted(visits.length, "visit")}, ${duration(total)}`;
      const bars = visits.map((visit) =>
        svg("rect", {
          x: ((visit.from - row.first) / span) * 1000,
          width: Math.max(4, ((visit.to - visit.from) / span) * 1000),
          y: 3,
          height: 14,
          rx: 2,
        }),
      );
      return el(
        "div",
        { class: "lane" },
        el("span", { class: "lane-name", title: cameraName(index, state) }, cameraName(index, state)),
        svg("svg", { role: "img", "aria-label": words, viewBox: "0 0 1000 20", preserveAspectRatio: "none" }, bars),
      );
    });
    this.timeline.replaceChildren(
      ...lanes,
      el(
        "div",
        { class: "lane quiet", "aria-hidden": "true" },
        el("span"),
        el("span", { class: "ends" }, el("span", {}, mark(row.first)), el("span", {}, mark(row.last))),
      ),
    );
  }

  /** A still of each camera with the way of the feet, fainter where it is longer ago. */
  fillPaths(row, state) {
    for (const index of row.cameras) {
      const camera = state.cameras.find((one) => one.index === index);
      if (!camera?.width) continue;
      let figure = [...this.paths.children].find((child) => child.dataset.camera === String(index));
      if (!figure) {
        const still = el("img", { src: `/api/cameras/${index}/still?clean=1&width=960`, alt: "" });
        still.addEventListener("error", () => still.remove(), { once: true });
        figure = el(
          "figure",
          { class: "path", "data-camera": index },
          el(
            "div",
            { class: "stage" },
            still,
            svg("svg", { class: "layer", role: "img", preserveAspectRatio: "none" }),
          ),
          el("figcaption", { class: "quiet" }),
        );
        figure.firstElementChild.style.aspectRatio = `${camera.width} / ${camera.height}`;
        this.paths.append(figure);
      }
      const visits = row.visits.filter((visit) => visit.camera === index && visit.path.length);
      this.drawPaths(figure.querySelector("svg"), visits.slice(-MOST_PATHS), camera);
      const more = visits.length > MOST_PATHS ? `, the newest ${MOST_PATHS} of ${counted(visits.length, "visit")}` : "";
      say(figure.querySelector("figcaption"), `${camera.name}: from ○ to ●${more}`);
    }
  }

  drawPaths(layer, visits, { width, height, name }) {
    const size = width / 640;
    layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    layer.setAttribute("aria-label", `The path in ${name}: ${counted(visits.length, "visit")}`);
    layer.replaceChildren(
      ...visits.flatMap((visit, at) => {
        const opacity = 0.35 + (0.65 * (at + 1)) / visits.length;
        const points = visit.path.map(([, x, y]) => `${x},${y}`).join(" ");
        const [, startX, startY] = visit.path[0];
        const [, endX, endY] = visit.path.at(-1);
        return svg(
          "g",
          { opacity },
          svg("polyline", { class: "way under", points }),
          svg("polyline", { class: "way", points }),
          svg("circle", { class: "start", cx: startX, cy: startY, r: 6 * size }),
          svg("circle", { class: "end", cx: endX, cy: endY, r: 6 * size }),
        );
      }),
    );
  }

  async lookAlikes() {
    const picture = await (await fetch(this.row.crop)).blob();
    this.view.close();
    this.onsearch(picture);
  }
}
