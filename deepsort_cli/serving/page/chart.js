// One chart: an SVG with a name, a description and a table of the same numbers.

import { clock, el, say, svg } from "./dom.js";

const LEFT = 34;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 20;
const DIGIT = 6.5; // the width of one in the labels of times, with some room

/** A round number that is at least as large. */
function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value - 1e-9) * power;
}

const shown = (value) =>
  value === null || value === undefined ? "–" : Number(value.toFixed(value < 10 ? 1 : 0)).toLocaleString("en");

export class Chart {
  /**
   * @param title what it shows.
   * @param kind `area` and `line` for what is at a time, `bars` for what happened within each step; a second series of
   *   bars goes downwards.
   * @param mark says a time: of seconds since 1970, and whether seconds matter.
   */
  constructor(title, kind, names, { height = 130, unit = "", mark = clock } = {}) {
    Object.assign(this, { title, kind, names, height, unit, mark });
    this.svg = svg("svg", { role: "img", height });
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true });
    this.now = el("b");
    this.table = el("details", { ontoggle: () => this.fillTable() }, el("summary", {}, "As a table"));
    const legend = names.length < 2 ? [] : names.map((name, at) => el("span", { class: `key series-${at}` }, name));
    this.element = el(
      "figure",
      { class: "chart card" },
      el("figcaption", {}, el("span", {}, title), ...legend, el("span", { class: "spring" }), this.now),
      el("div", { class: "plot" }, this.svg, this.tip),
      this.table,
    );
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.leave());
  }

  /** @param history `t`, seconds since 1970, every `step_s`; @param series a list for each name, null where unknown. */
  show(history, series, began = null) {
    this.began = began;
    this.t = history.t;
    this.gap = 2.5 * history.step_s;
    this.series = series;
    this.draw();
    if (this.table.open) this.fillTable();
  }

  draw() {
    if (!this.t) return;
    const width = Math.max(160, this.svg.parentElement?.clientWidth || 300);
    const values = this.series.flat().filter((value) => value !== null && Number.isFinite(value));
    const most = nice(Math.max(0, ...values));
    const down = this.kind === "bars" && this.series.length > 1;
    const low = down ? -nice(Math.max(0, ...this.series[1].filter(Number.isFinite))) : 0;
    const high = down ? nice(Math.max(0, ...this.series[0].filter(Number.isFinite))) : most;
    const [from, to] = [this.t[0], this.t.at(-1)];
    const x = (time) => LEFT + ((time - from) / Math.max(to - from, 1e-9)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + ((high - value) / (high - low)) * (this.height - TOP - BOTTOM);
    Object.assign(this, { width, x, y });
    this.describe(values);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("aria-label", `${this.title}. ${this.description}`);
    this.cursor = svg("line", { class: "cursor", y1: TOP, y2: this.height - BOTTOM, hidden: true });
    this.svg.replaceChildren(
      ...this.grid(low, high),
      ...this.times(from, to),
      ...this.series.map((list, at) => this.marks(list, at)),
      this.cursor,
    );
  }

  describe(values) {
    const last = this.series.map((list) => list.findLast((value) => value !== null));
    const unit = this.unit ? ` ${this.unit}` : "";
    if (this.kind === "bars") {
      const sums = this.series.map((list) => list.reduce((sum, value) => sum + (value ?? 0), 0));
      const words = this.names.map((name, at) => `${shown(sums[at])} ${name}`).join(", ");
      say(this.now, words);
      this.description = `${words} in all.`;
    } else {
      say(this.now, last[0] === undefined ? "–" : `${shown(last[0])}${unit}`);
      this.description = values.length
        ? `Now ${shown(last[0])}${unit}, at least ${shown(Math.min(...values))}, at most ${shown(Math.max(...values))}.`
        : "Nothing yet.";
    }
  }

  grid(low, high) {
    const ticks = low < 0 ? [high, 0, low] : [high, high / 2, 0];
    return ticks.flatMap((value) => [
      svg("line", {
        class: value === 0 ? "zero" : "rule",
        x1: LEFT,
        x2: this.width - RIGHT,
        y1: this.y(value),
        y2: this.y(value),
      }),
      svg("text", { class: "tick", x: LEFT - 6, y: this.y(value) + 4, "text-anchor": "end" }, shown(Math.abs(value))),
    ]);
  }

  times(from, to) {
    const steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
    const room = Math.max(2, Math.floor(this.width / 90));
    const step = steps.find((one) => (to - from) / one <= room) ?? 86400;
    const zone = this.began ?? new Date(to * 1000).getTimezoneOffset() * 60; // what round times are counted from
    const found = [];
    for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) {
      const words = this.mark(at, step < 60)
        .split(", ")
        .at(-1);
      const place = Math.min(Math.max(this.x(at), LEFT + 12), this.width - (words.length * DIGIT) / 2);
      found.push(svg("text", { class: "tick", x: place, y: this.height - 5, "text-anchor": "middle" }, words));
    }
    return found;
  }

  marks(list, at) {
    if (this.kind === "bars") {
      const step = this.gap / 2.5;
      const wide = Math.min(24, Math.max(1, (this.x(this.t[0] + step) - this.x(this.t[0])) * 0.8));
      const bars = list.map((value, i) => {
        if (!value) return null;
        const end = this.y(at ? -value : value);
        return svg("rect", {
          x: this.x(this.t[i]) - wide / 2,
          width: wide,
          y: Math.min(end, this.y(0)),
          height: Math.abs(end - this.y(0)),
        });
      });
      return svg("g", { class: `bars series-${at}` }, bars);
    }
    const runs = [];
    let run = null;
    list.forEach((value, i) => {
      if (i && this.t[i] - this.t[i - 1] > this.gap) run = null;
      if (value === null || value === undefined) run = null;
      else {
        if (!run) runs.push((run = []));
        run.push(`${this.x(this.t[i]).toFixed(1)},${this.y(value).toFixed(1)}`);
      }
    });
    const foot = this.y(0).toFixed(1);
    const areas =
      this.kind !== "area"
        ? []
        : runs.map((points) =>
            svg("polygon", {
              class: "area",
              points: [`${points[0].split(",")[0]},${foot}`, ...points, `${points.at(-1).split(",")[0]},${foot}`].join(
                " ",
              ),
            }),
          );
    const lines = runs.map((points) =>
      points.length > 1
        ? svg("polyline", { points: points.join(" ") })
        : svg("circle", { cx: points[0].split(",")[0], cy: points[0].split(",")[1], r: 2 }),
    );
    return svg("g", { class: `series-${at}` }, areas, lines);
  }

  point(event) {
    if (!this.x) return;
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    let best = 0;
    this.t.forEach((time, i) => {
      if (Math.abs(this.x(time) - at) < Math.abs(this.x(this.t[best]) - at)) best = i;
    });
    const place = this.x(this.t[best]);
    this.cursor.removeAttribute("hidden");
    this.cursor.setAttribute("x1", place);
    this.cursor.setAttribute("x2", place);
    const words = this.names.map(
      (name, i) =>
        `${this.names.length > 1 ? `${name} ` : ""}${shown(this.series[i][best])}${this.unit ? ` ${this.unit}` : ""}`,
    );
    this.tip.hidden = false;
    say(this.tip, `${this.mark(this.t[best], true)} · ${words.join(", ")}`);
    this.tip.style.left = `${Math.min(Math.max(place, 70), this.width - 70)}px`;
  }

  leave() {
    this.cursor?.setAttribute("hidden", "");
    this.tip.hidden = true;
  }

  fillTable() {
    if (!this.table.open || !this.t) return;
    const rows = this.t
      .map((time, i) => [time, ...this.series.map((list) => list[i])])
      .filter((row) => row.slice(1).some((value) => value !== null && value !== undefined))
      .reverse();
    const heading = this.names.map((name) =>
      el("th", { scope: "col", class: "number" }, name + (this.unit ? `, ${this.unit}` : "")),
    );
    this.table.querySelector(".scroll")?.remove();
    this.table.append(
      el(
        "div",
        { class: "scroll", tabindex: "0" },
        el(
          "table",
          {},
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "time"), heading)),
          el(
            "tbody",
            {},
            rows.map(([time, ...values]) =>
              el(
                "tr",
                {},
                el("td", {}, this.mark(time, true)),
                values.map((value) => el("td", { class: "number" }, shown(value))),
              ),
            ),
          ),
        ),
      ),
    );
  }
}
