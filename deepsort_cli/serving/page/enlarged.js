// One camera, large, with its lines and zones.

import { badge, numbers, trouble } from "./cameras.js";
import { byId, closable, el, facts, say } from "./dom.js";
import { LivePicture } from "./live.js";
import { Editor } from "./regions.js";

export class Enlarged {
  constructor(onchange) {
    this.view = byId("camera-view");
    this.onchange = onchange;
    this.state = null;
    this.index = null;
    closable(this.view);
    this.view.addEventListener("close", () => this.left());
    this.view.addEventListener("cancel", (event) => {
      if (this.editor?.cancelDrawing()) event.preventDefault();
    });
    this.view.addEventListener("keydown", (event) => this.key(event));
    byId("camera-previous").addEventListener("click", () => this.step(-1));
    byId("camera-next").addEventListener("click", () => this.step(1));
    document.addEventListener("visibilitychange", () => this.mind());
  }

  get open() {
    return this.view.open;
  }

  /** Show a camera. */
  show(index) {
    this.leave();
    this.index = index;
    const canvas = el("canvas", { role: "img" });
    this.over = el("span", { class: "over" });
    byId("stage").replaceChildren(canvas, this.over);
    this.picture = new LivePicture(canvas, index);
    this.editor = new Editor(index, byId("stage"), byId("regions"), byId("hint"));
    if (!this.view.open) this.view.showModal();
    this.onchange();
    this.update(this.state);
  }

  update(state) {
    this.state = state;
    if (!this.view.open || !state) return;
    const camera = state.cameras.find((one) => one.index === this.index);
    if (!camera) return this.view.close();
    say(byId("camera-title"), camera.name);
    badge(byId("camera-state"), camera);
    facts(byId("camera-numbers"), numbers(camera));
    say(this.over, trouble(camera));
    const canvas = this.picture.canvas;
    canvas.setAttribute("aria-label", `Live picture of ${camera.name}`);
    if (camera.width && camera.height) {
      canvas.style.aspectRatio = `${camera.width} / ${camera.height}`;
      byId("stage").style.setProperty("--ratio", String(camera.width / camera.height));
    }
    for (const id of ["camera-previous", "camera-next"]) byId(id).hidden = state.cameras.length < 2;
    this.camera = camera;
    this.editor.update(camera, state.writable, state.cameras.length > 1);
    this.mind();
  }

  mind() {
    if (this.view.open) this.picture?.mind(!document.hidden, this.camera);
  }

  step(by) {
    const all = this.state.cameras;
    const place = all.findIndex((camera) => camera.index === this.index);
    this.show(all[(place + by + all.length) % all.length].index);
  }

  key(event) {
    const typing = event.target.closest("input, select, textarea, svg");
    if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft" && this.state.cameras.length > 1) this.step(-1);
    if (event.key === "ArrowRight" && this.state.cameras.length > 1) this.step(1);
  }

  leave() {
    this.picture?.stop();
    this.editor?.close();
    this.picture = this.editor = null;
  }

  left() {
    this.leave();
    this.onchange();
  }
}
