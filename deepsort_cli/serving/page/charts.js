// The charts of all cameras over the last hours.

import { call } from "./api.js";
import { Chart } from "./chart.js";
import { byId, clock, el, keep, position, say } from "./dom.js";

const EVERY = 5000;

/** From counts so far to counts within each step. Where a line was changed, counting began anew. */
function steps(sums, history, camera) {
  const sinceBegin = history.t[0] - (camera.began ?? 0) < 2 * history.step_s;
  return sums.map((sum, i) => {
    if (sum === null) return null;
    const before = i ? (sums[i - 1] ?? 0) : sinceBegin ? 0 : sum;
    return sum >= before ? sum - before : sum;
  });
}

export class Charts {
  constructor(run) {
    this.run = run;
    this.groups = byId("chart-groups");
    this.charts = new Map();
    this.asked = 0;
    this.visible = false;
    new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      this.update();
    }).observe(byId("charts"));
    byId("hours").addEventListener("change", () => {
      this.asked = 0;
      this.update();
    });
  }

  /** Ask for newer numbers where the charts can be seen and the last ones are old. */
  async update() {
    if (!this.visible || document.hidden || !this.run.state || Date.now() - this.asked < EVERY) return;
    this.asked = Date.now();
    const cameras = this.run.state.cameras;
    keep(
      this.groups,
      cameras,
      (camera) => camera.index,
      () => this.group(),
      (group, camera) => say(group.querySelector("h3"), camera.name),
    );
    const hours = byId("hours").value;
    for (const camera of cameras) {
      try {
        const history = await call(`/api/cameras/${camera.index}/history?hours=${hours}`);
        if (hours === byId("hours").value) this.show(camera, history);
      } catch {
        // the connection's own line says what is wrong
      }
    }
  }

  group() {
    return el("section", {}, el("h3"), el("div", { class: "plots" }));
  }

  show(camera, history) {
    const list = [...this.groups.children].find(
      (group) => group.dataset.key === String(camera.index),
    )?.lastElementChild;
    if (!list || !history.t.length) return;
    const wanted = [
      { key: "people", title: "People in the picture", kind: "area", names: ["people"], series: [history.people] },
      ...Object.entries(history.lines ?? {}).map(([name, line]) => ({
        key: `line ${name}`,
        title: `Across ${name}`,
        kind: "bars",
        names: ["in", "out"],
        series: [line.in, line.out].map((sums) => steps(sums, history, camera)),
      })),
      ...Object.entries(history.zones ?? {}).map(([name, inside]) => ({
        key: `zone ${name}`,
        title: `In ${name}`,
        kind: "area",
        names: ["people"],
        series: [inside],
      })),
      { key: "fps", title: "Frames per second", kind: "line", names: ["fps"], series: [history.fps], height: 95 },
    ];
    const recorded = camera.live === false && camera.began !== undefined;
    if (!recorded) {
      const [names, series] = [["latency"], [history.latency_ms]];
      wanted.push({ key: "latency", title: "Latency", kind: "line", names, series, unit: "ms", height: 95 });
    }
    const mark = recorded ? (seconds) => position(seconds - camera.began) : clock;
    keep(
      list,
      wanted,
      (one) => one.key,
      (one) => {
        const chart = new Chart(one.title, one.kind, one.names, { unit: one.unit, height: one.height, mark });
        this.charts.set(chart.element, chart);
        return chart.element;
      },
      () => {},
    );
    wanted.forEach((one, at) =>
      this.charts.get(list.children[at]).show(history, one.series, recorded ? camera.began : null),
    );
    for (const element of this.charts.keys()) if (!element.isConnected) this.charts.delete(element);
  }

  redraw() {
    for (const chart of this.charts.values()) chart.draw();
  }
}
