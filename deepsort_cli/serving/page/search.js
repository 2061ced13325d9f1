// Search by picture.

import { call } from "./api.js";
import { byId, counted, keep, say } from "./dom.js";
import { card, fillCard } from "./people.js";

const MOST_BYTES = 8e6;
const MOST_PIXELS = 1600;
const NO_MODEL = "Not in this run: it has no Re-ID model to compare looks with.";

export class Search {
  constructor(run, onopen) {
    Object.assign(this, { run, onopen });
    this.form = byId("search");
    this.preview = byId("search-preview");
    this.status = byId("search-status");
    byId("search-file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) this.use(file);
      event.target.value = "";
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
    byId("search-whole").addEventListener("click", () => this.choose(null));
    byId("search-clear").addEventListener("click", () => this.clear());
    this.accept();
    this.cutting();
  }

  update() {
    const why = this.run.state.search === false ? NO_MODEL : "";
    if (this.why === why) return;
    this.why = why;
    byId("search-file").disabled = Boolean(why);
    say(this.status, why);
    this.form.classList.toggle("off", Boolean(why));
  }

  /** Take what is dropped or pasted. */
  accept() {
    for (const name of ["dragenter", "dragover"])
      this.form.addEventListener(name, (event) => {
        event.preventDefault();
        this.form.classList.add("over");
      });
    for (const name of ["dragleave", "drop"])
      this.form.addEventListener(name, () => this.form.classList.remove("over"));
    const first = (list) => [...(list?.files ?? [])].find((file) => file.type.startsWith("image/"));
    this.form.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = first(event.dataTransfer);
      if (file) this.use(file);
      else say(this.status, "That is no picture.");
    });
    // Without this, a picture dropped beside the form would replace the page.
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => event.preventDefault());
    addEventListener("paste", (event) => {
      const file = first(event.clipboardData);
      if (file && !event.target.closest("dialog")) this.use(file);
    });
  }

  /** Search with a picture: a Blob. */
  async use(picture) {
    if (this.why) return;
    this.form.scrollIntoView({ block: "nearest" });
    this.file = picture;
    this.part = null;
    try {
      this.bitmap = await createImageBitmap(picture);
    } catch {
      this.bitmap = null; // this browser cannot read it; perhaps the server can
    }
    this.show();
    await this.search();
  }

  clear() {
    this.bitmap = this.file = this.part = null;
    this.asked = null;
    this.show();
    say(this.status, "");
    byId("found").replaceChildren();
    byId("search-file").focus();
  }

  choose(part) {
    this.part = part;
    this.show();
    this.search();
  }

  show() {
    this.form.classList.toggle("used", Boolean(this.file));
    byId("search-clear").hidden = !this.file;
    byId("search-whole").hidden = !this.part;
    this.preview.hidden = !this.bitmap;
    if (!this.bitmap) return;
    const { width, height } = this.bitmap;
    const scale = Math.min(1, 480 / Math.max(width, height));
    this.preview.width = Math.max(1, Math.round(width * scale));
    this.preview.height = Math.max(1, Math.round(height * scale));
    const context = this.preview.getContext("2d");
    context.drawImage(this.bitmap, 0, 0, this.preview.width, this.preview.height);
    if (!this.part) return;
    const [x, y, w, h] = this.part.map((value) => value * scale);
    context.fillStyle = "rgb(0 0 0 / 60%)";
    context.fillRect(0, 0, this.preview.width, this.preview.height);
    context.drawImage(this.bitmap, ...this.part, x, y, w, h);
    context.lineWidth = 2;
    context.strokeStyle = "#fff";
    context.strokeRect(x, y, w, h);
  }

  /** A rectangle drawn over the preview is the part to search with. */
  cutting() {
    let from = null;
    const at = (event) => {
      const box = this.preview.getBoundingClientRect();
      const within = (value, most) => Math.min(Math.max(value, 0), most);
      return [
        within(((event.clientX - box.left) / box.width) * this.bitmap.width, this.bitmap.width),
        within(((event.clientY - box.top) / box.height) * this.bitmap.height, this.bitmap.height),
      ];
    };
    const between = (to) => [
      Math.min(from[0], to[0]),
      Math.min(from[1], to[1]),
      Math.abs(to[0] - from[0]),
      Math.abs(to[1] - from[1]),
    ];
    this.preview.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      from = at(event);
      this.preview.setPointerCapture(event.pointerId);
    });
    this.preview.addEventListener("pointermove", (event) => {
      if (!from) return;
      const part = between(at(event));
      if (part[2] >= 4 && part[3] >= 4) {
        this.part = part;
        this.show();
      }
    });
    this.preview.addEventListener("pointerup", (event) => {
      if (!from) return;
      const part = between(at(event));
      from = null;
      if (part[2] >= 8 && part[3] >= 8) this.choose(part);
      else this.choose(null);
    });
  }

  /** What is sent: the file as it is, or the part of it, or a smaller copy where it is too large. */
  async upload() {
    if (!this.bitmap) return this.file;
    const [x, y, w, h] = this.part ?? [0, 0, this.bitmap.width, this.bitmap.height];
    if (!this.part && this.file.size <= MOST_BYTES && /^image\/(jpeg|png)$/.test(this.file.type)) return this.file;
    const scale = Math.min(1, MOST_PIXELS / Math.max(w, h));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale)));
    canvas.getContext("2d").drawImage(this.bitmap, x, y, w, h, 0, 0, canvas.width, canvas.height);
    return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  }

  async search() {
    const asked = (this.asked = Symbol("search"));
    say(this.status, "Searching …");
    try {
      const body = await this.upload();
      if (body.size > MOST_BYTES) throw new Error("The file is larger than 8 MB.");
      const result = await call("/api/search", { method: "POST", body, timeout: 60000 });
      if (asked === this.asked) this.results(result);
    } catch (error) {
      if (asked !== this.asked) return;
      say(this.status, error.message);
      byId("found").replaceChildren(); // those of another picture
    }
  }

  results({ threshold, found, compared }) {
    const likely = found.filter((row) => row.likely).length;
    const limit = threshold === null || threshold === undefined ? "" : ` (at most ${threshold.toFixed(2)} away)`;
    const words =
      found.length === 0
        ? "Nobody to compare with yet."
        : threshold === null || threshold === undefined
          ? "The nearest first; this run has no threshold that says who is likely the same."
          : likely
            ? `${counted(likely, "likely match", "likely matches")}${limit}; then the nearest others.`
            : `No likely match${limit}; the nearest are:`;
    say(this.status, words + (compared > found.length ? ` ${counted(compared, "person", "people")} compared.` : ""));
    const { state } = this.run;
    keep(
      byId("found"),
      found,
      (row) => row.key,
      () => card(this.onopen),
      (item, row) => {
        const verdict =
          row.likely === null || row.likely === undefined ? "" : row.likely ? "likely · " : "not likely · ";
        fillCard(item, row, state, `${verdict}distance ${row.distance.toFixed(2)}`);
        item.firstElementChild.classList.toggle("likely", Boolean(row.likely));
      },
    );
  }
}
