// Lines and zones drawn on the picture, or written as coordinates. Each change takes effect at once.

import { askForToken, call } from "./api.js";
import { byId, counted, el, keep, say, svg } from "./dom.js";

const HINTS = {
  line:
    "Drag from one end of the line to the other, or click both ends. Going in is across it to the right of someone " +
    "who walks from the first end to the second.",
  zone:
    "Click the corners one after the other. Click the first corner again, or press Enter, to finish; " +
    "Backspace takes the last one back.",
};

/** The points of a region as numbers in one field, and back. */
const written = (points) => points.map(([x, y]) => `${round(x)},${round(y)}`).join(", ");
const round = (value) => Math.round(value * 10) / 10;

function parsed(text, kind, { width, height }) {
  const values = text
    .trim()
    .split(/[\s,;]+/)
    .map(Number);
  if (values.some((value) => !Number.isFinite(value))) throw new Error("Only numbers, please: x1,y1, x2,y2, …");
  if (values.length % 2) throw new Error(`${values.length} numbers: x and y come in pairs.`);
  const points = [];
  for (let at = 0; at < values.length; at += 2) points.push([values[at], values[at + 1]]);
  if (kind === "line" && points.length !== 2) throw new Error("A line has two ends: x1,y1, x2,y2.");
  if (kind === "zone" && points.length < 3) throw new Error("A zone has at least three corners.");
  const outside = points.find(([x, y]) => x < 0 || y < 0 || x > width || y > height);
  if (outside) throw new Error(`${outside} is outside of the picture, which has ${width}×${height} pixels.`);
  return points;
}

export class Editor {
  constructor(index, stage, panel, hint) {
    Object.assign(this, { index, stage, panel, hint });
    this.regions = null;
    this.draft = null;
    this.camera = null;
    this.before = [];
    this.saving = Promise.resolve();
    this.layer = svg("svg", {
      class: "layer",
      preserveAspectRatio: "none",
      tabindex: "-1",
      role: "group",
      "aria-label": "Lines and zones",
    });
    stage.append(this.layer);
    this.layer.addEventListener("pointerdown", (event) => this.down(event));
    this.layer.addEventListener("pointermove", (event) => this.move(event));
    this.layer.addEventListener("pointerup", (event) => this.up(event));
    this.layer.addEventListener("pointercancel", () => this.stopDragging());
    this.keys = (event) => this.key(event);
    byId("camera-view").addEventListener("keydown", this.keys);
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(stage);
    say(hint, "");
    panel.replaceChildren();
  }

  close() {
    clearTimeout(this.timer);
    if (this.timer) this.save();
    this.sized.disconnect();
    byId("camera-view").removeEventListener("keydown", this.keys);
    this.layer.remove();
  }

  /** The newest state of the camera: counts always, the regions themselves only until somebody edits them here. */
  update(camera, writable, several) {
    const ended = camera.state === "ended";
    if (ended !== this.ended) this.regions = null; // from now on nothing can be changed: build it anew
    Object.assign(this, { camera, several, ended, writable: writable && !ended });
    if (!camera.width || !camera.height) return;
    if (!this.regions) {
      this.regions = [
        ...(camera.lines ?? []).map((line) => ({ kind: "line", name: line.name, points: line.points })),
        ...(camera.zones ?? []).map((zone) => ({ kind: "zone", name: zone.name, points: zone.points })),
      ].map((region, number) => ({ ...region, key: number, points: region.points.map((point) => [...point]) }));
      this.build();
      this.draw();
      this.flags();
    }
    this.counts();
  }

  build() {
    const add = (kind) => (event) => this.begin(kind, event.detail === 0);
    this.list = el("ul", { class: "regions" });
    this.problem = el("p", { class: "error", role: "alert" });
    this.command = el("code", { id: "region-flags", tabindex: "0" });
    this.copied = el("span", { class: "quiet", role: "status" });
    this.undo = el("button", { type: "button", onclick: () => this.back() }, "Undo");
    this.finish = el("button", { type: "button", class: "primary", onclick: () => this.end() }, "Finish the zone");
    this.again = el("p", {}, "In effect until the run ends. To have them again:");
    if (this.several) this.again.append(" These flags hold for all sources of a run.");
    this.kept = el(
      "div",
      { class: "kept" },
      this.again,
      el("pre", {}, this.command),
      el("button", { type: "button", onclick: () => this.copy() }, "Copy"),
      " ",
      this.copied,
    );
    this.buttons = el(
      "div",
      { class: "buttons" },
      el("button", { type: "button", id: "add-line", onclick: add("line") }, "Draw a line"),
      el("button", { type: "button", id: "add-zone", onclick: add("zone") }, "Draw a zone"),
      this.undo,
      this.finish,
    );
    this.panel.replaceChildren(
      el("h3", {}, "Lines and zones"),
      ...(this.writable
        ? [this.buttons]
        : this.ended
          ? [el("p", { class: "quiet" }, "This video has ended: nothing is counted any more.")]
          : [
              el("p", { class: "quiet" }, "Whoever has the token of this run can draw them on the picture."),
              el("button", { type: "button", id: "unlock", onclick: () => this.unlock() }, "Enter the token"),
            ]),
      this.problem,
      this.list,
      this.kept,
    );
    this.kept.hidden = true;
    this.show();
  }

  /** The list of regions as fields. */
  show() {
    this.undo.disabled = !this.before.length;
    this.finish.hidden = this.draft?.kind !== "zone";
    keep(
      this.list,
      this.regions,
      (region) => region.key,
      (region) => this.fields(region),
      (item, region) => {
        const [name, points] = item.querySelectorAll("input");
        if (document.activeElement !== name) name.value = region.name;
        if (document.activeElement !== points) points.value = written(region.points);
        say(item.querySelector("legend"), region.kind === "line" ? "Line" : "Zone");
      },
    );
  }

  fields(region) {
    const change = (event, action) => {
      try {
        action(event.target.value);
        event.target.setCustomValidity("");
        event.target.removeAttribute("aria-invalid");
        this.changed();
      } catch (error) {
        event.target.setAttribute("aria-invalid", "true");
        event.target.setCustomValidity(error.message);
        say(this.problem, `${region.name}: ${error.message} Not in effect.`);
      }
    };
    const rename = (value) => {
      const name = value.trim();
      if (!name) throw new Error("A name, please.");
      if (this.regions.some((other) => other !== region && other.kind === region.kind && other.name === name))
        throw new Error(`There is another ${region.kind} ${name}.`);
      this.remember();
      region.name = name;
    };
    const move = (value) => {
      const points = parsed(value, region.kind, this.camera);
      this.remember();
      region.points = points;
    };
    const off = !this.writable;
    const turn = () => (this.remember(), region.points.reverse(), this.changed());
    return el(
      "li",
      {},
      el(
        "fieldset",
        {},
        el("legend", {}, region.kind === "line" ? "Line" : "Zone"),
        el(
          "label",
          {},
          "Name ",
          el("input", { value: region.name, disabled: off, maxlength: "80", onchange: (e) => change(e, rename) }),
        ),
        el(
          "label",
          {},
          region.kind === "line" ? "Ends in pixels, x,y " : "Corners in pixels, x,y ",
          el("input", {
            value: written(region.points),
            disabled: off,
            spellcheck: "false",
            onchange: (e) => change(e, move),
          }),
        ),
        el("p", { class: "quiet" }),
        off
          ? null
          : el(
              "div",
              { class: "buttons" },
              region.kind === "line" ? el("button", { type: "button", onclick: turn }, "Swap in and out") : null,
              el("button", { type: "button", onclick: () => this.remove(region) }, "Delete"),
            ),
      ),
    );
  }

  counts() {
    for (const item of this.list?.children ?? []) {
      const region = this.regions.find((one) => String(one.key) === item.dataset.key);
      const known = (region?.kind === "line" ? this.camera.lines : this.camera.zones)?.find(
        (one) => one.name === region?.name,
      );
      const text = !known
        ? ""
        : region.kind === "line"
          ? `${known.in} in, ${known.out} out`
          : `${known.inside} inside, entered ${counted(known.entered, "time")} by ${counted(known.distinct, "track")}`;
      say(item.querySelector("p"), text);
    }
  }

  /** Ask for the token; the next state says that this browser may change the run. */
  async unlock() {
    await askForToken();
    this.regions = null;
  }

  // ---- drawing

  /** Start a new region: with the mouse on the picture, or, from the keyboard, as fields with something to change. */
  begin(kind, byKeyboard) {
    this.draft = null;
    const { width, height } = this.camera;
    if (byKeyboard) {
      const at = (x, y) => [Math.round(x * width), Math.round(y * height)];
      const points =
        kind === "line" ? [at(0.25, 0.5), at(0.75, 0.5)] : [at(0.3, 0.3), at(0.7, 0.3), at(0.7, 0.7), at(0.3, 0.7)];
      this.add(kind, points);
      this.list.lastElementChild.querySelectorAll("input")[1].focus();
      return;
    }
    this.draft = { kind, points: [], pointer: null };
    say(this.hint, HINTS[kind]);
    this.layer.classList.add("drawing");
    this.layer.focus({ preventScroll: true }); // so that Enter ends the zone, and does not press the button again
    this.stage.scrollIntoView({ block: "nearest" });
    this.show();
    this.draw();
  }

  cancelDrawing() {
    if (!this.draft) return false;
    this.draft = null;
    say(this.hint, "");
    this.layer.classList.remove("drawing");
    this.show();
    this.draw();
    return true;
  }

  /** The region that is being drawn is whole. */
  end() {
    const { kind, points } = this.draft;
    if (points.length < (kind === "line" ? 2 : 3)) {
      say(this.hint, "A zone has at least three corners. Click another one, or press Escape to give up.");
      return;
    }
    this.cancelDrawing();
    this.add(kind, points);
  }

  add(kind, points) {
    const names = new Set(this.regions.filter((region) => region.kind === kind).map((region) => region.name));
    let number = 1;
    while (names.has(`${kind} ${number}`)) number += 1;
    this.remember();
    const key = Math.max(-1, ...this.regions.map((region) => region.key)) + 1;
    this.regions.push({ kind, name: `${kind} ${number}`, points, key });
    this.changed();
  }

  remove(region) {
    this.remember();
    this.regions = this.regions.filter((other) => other !== region);
    this.changed();
    byId("add-line").focus();
  }

  point(event) {
    const box = this.layer.getBoundingClientRect();
    const { width, height } = this.camera;
    const within = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
    return [
      within(((event.clientX - box.left) / box.width) * width, width),
      within(((event.clientY - box.top) / box.height) * height, height),
    ];
  }

  /** How many pixels of the picture are one of the screen. */
  get scale() {
    return this.camera.width / (this.layer.clientWidth || this.camera.width);
  }

  near(a, b, pixels = 12) {
    return Math.hypot(a[0] - b[0], a[1] - b[1]) <= pixels * this.scale;
  }

  down(event) {
    if (event.button !== 0 || !this.writable) return;
    const handle = event.target.closest("[data-region]");
    if (this.draft) {
      event.preventDefault();
      const at = this.point(event);
      const { kind, points } = this.draft;
      if (kind === "zone" && points.length > 2 && this.near(at, points[0])) return this.end();
      if (points.length && this.near(at, points.at(-1), 3)) return undefined; // the second of a double click
      points.push(at);
      if (kind === "line" && points.length === 2) return this.end();
      this.layer.setPointerCapture(event.pointerId);
    } else if (handle) {
      event.preventDefault();
      this.remember();
      this.dragging = {
        region: this.regions.find((one) => String(one.key) === handle.dataset.region),
        at: Number(handle.dataset.point),
      };
      this.layer.setPointerCapture(event.pointerId);
      handle.focus();
    }
    this.draw();
    return undefined;
  }

  move(event) {
    if (this.draft?.points.length) {
      this.draft.pointer = this.point(event);
      this.draw();
    } else if (this.dragging) {
      this.dragging.region.points[this.dragging.at] = this.point(event);
      this.show();
      this.draw();
    }
  }

  up(event) {
    if (this.draft?.kind === "line" && this.draft.points.length === 1) {
      const at = this.point(event);
      if (this.near(at, this.draft.points[0], 8)) return; // a click: the other end comes with the next one
      this.draft.points.push(at);
      this.end();
    } else this.stopDragging();
  }

  stopDragging() {
    if (!this.dragging) return;
    this.dragging = null;
    this.changed();
  }

  key(event) {
    const handle = event.target.closest?.("[data-region]");
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (handle && this.writable && steps[event.key]) {
      event.preventDefault();
      event.stopPropagation();
      const region = this.regions.find((one) => String(one.key) === handle.dataset.region);
      const by = event.shiftKey ? 10 : 1;
      const [x, y] = region.points[handle.dataset.point];
      const [dx, dy] = steps[event.key];
      const within = (value, most) => Math.min(Math.max(value, 0), most);
      if (!this.nudging) this.remember();
      this.nudging = true;
      region.points[handle.dataset.point] = [
        within(x + by * dx, this.camera.width),
        within(y + by * dy, this.camera.height),
      ];
      this.changed(500);
    } else if (this.draft?.kind === "zone" && event.key === "Enter" && !event.target.closest("button, input")) {
      event.preventDefault();
      this.end();
    } else if (this.draft && event.key === "Backspace" && !event.target.closest("input")) {
      event.preventDefault();
      this.draft.points.pop();
      this.draw();
    }
  }

  draw() {
    if (!this.camera || !this.regions) return;
    const { width, height } = this.camera;
    this.layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const focused =
      document.activeElement?.dataset?.region === undefined ? null : { ...document.activeElement.dataset };
    const radius = 6 * this.scale;
    const shapes = this.regions.flatMap((region) => this.shape(region, radius));
    if (this.draft) {
      const points = this.draft.pointer ? [...this.draft.points, this.draft.pointer] : this.draft.points;
      shapes.push(svg("polyline", { class: "draft", points: points.join(" ") }));
      shapes.push(...this.draft.points.map(([x, y]) => svg("circle", { class: "corner", cx: x, cy: y, r: radius })));
    }
    this.layer.replaceChildren(...shapes);
    if (focused) this.layer.querySelector(`[data-region="${focused.region}"][data-point="${focused.point}"]`)?.focus();
  }

  shape(region, radius) {
    const line = svg(region.kind === "line" ? "polyline" : "polygon", {
      class: "region",
      points: region.points.join(" "),
    });
    if (!this.writable) return [line];
    const handles = region.points.map(([x, y], at) =>
      svg(
        "g",
        {
          class: "handle",
          tabindex: "0",
          role: "button",
          "data-region": region.key,
          "data-point": at,
          "aria-label": `${region.name}, point ${at + 1} of ${region.points.length}, at ${round(x)}, ${round(y)}. Arrow keys move it.`,
        },
        svg("circle", { class: "reach", cx: x, cy: y, r: 2.6 * radius }),
        svg("circle", { class: "corner", cx: x, cy: y, r: radius }),
      ),
    );
    return [line, ...handles];
  }

  // ---- taking effect

  remember() {
    this.before.push(this.regions.map((region) => ({ ...region, points: region.points.map((point) => [...point]) })));
    if (this.before.length > 50) this.before.shift();
  }

  back() {
    this.regions = this.before.pop();
    this.list.replaceChildren();
    this.changed();
  }

  changed(wait = 0) {
    this.show();
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), wait);
  }

  save() {
    clearTimeout(this.timer);
    this.timer = null;
    this.nudging = false;
    const of = (kind) => this.regions.filter((one) => one.kind === kind).map(({ name, points }) => ({ name, points }));
    const json = { lines: of("line"), zones: of("zone") };
    // One after the other: an older change must not arrive after a newer one.
    this.saving = this.saving.then(async () => {
      try {
        const answer = await call(`/api/cameras/${this.index}/regions`, { method: "PUT", json });
        say(this.problem, "");
        say(this.hint, "In effect.");
        this.showFlags(answer.flags);
      } catch (error) {
        say(this.problem, `Not in effect: ${error.message}`);
      }
    });
  }

  async flags() {
    try {
      this.showFlags((await call(`/api/cameras/${this.index}/regions`)).flags);
    } catch {
      // they come with the first change
    }
  }

  showFlags(flags) {
    this.kept.hidden = !flags;
    this.text = flags ?? "";
    // A line each, to be read; the button copies them as they are.
    this.command.replaceChildren(...this.text.split(/ (?=--(?:line|zone)[ =])/).map((flag) => el("span", {}, flag)));
    say(this.copied, "");
  }

  async copy() {
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(this.text);
      else this.copyBySelection(); // addresses without TLS have no clipboard
      say(this.copied, "Copied.");
    } catch {
      say(this.copied, "This browser does not let the page copy: select the text instead.");
    }
  }

  copyBySelection() {
    const field = el("textarea", { class: "unseen", readonly: true });
    field.value = this.text;
    this.kept.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("not copied");
  }
}
