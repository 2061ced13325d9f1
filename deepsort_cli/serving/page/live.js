// Live pictures on canvases. A browser opens six connections to a server and no more, so that all pictures of the page
// come over one: `/api/live` sends records of a camera's index and a length (32 bits each, the high byte first), and
// then a JPEG of that length.

import { pause } from "./dom.js";

const HEAD = 8;
const STALLED = 15000;
const MOST_BYTES = 32e6;

/** The one connection. It asks for those cameras whose pictures run, and again where these change. */
class Feed {
  constructor() {
    this.pictures = new Set();
    this.stopping = null;
    this.asked = "";
  }

  /** Other pictures run, or they have another size. */
  change(anyway = false) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(anyway), 50);
  }

  open(anyway) {
    const cameras = [...new Set([...this.pictures].map((picture) => picture.index))].sort((a, b) => a - b);
    const width = Math.max(160, ...[...this.pictures].map((picture) => picture.width));
    const wanted = cameras.length ? `/api/live?cameras=${cameras}&width=${width}` : "";
    if (wanted === this.asked && !anyway) return;
    this.asked = wanted;
    this.stopping?.abort();
    this.stopping = wanted ? new AbortController() : null;
    if (wanted) this.run(wanted, this.stopping.signal);
  }

  async run(address, signal) {
    let wait = 250;
    while (!signal.aborted) {
      try {
        await this.read(address, signal, () => (wait = 250));
      } catch {
        // gone, or not there yet: the page says elsewhere what is wrong
      }
      await pause(wait, signal);
      wait = Math.min(2 * wait, 5000);
    }
  }

  async read(address, signal, onpicture) {
    const stalled = new AbortController();
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(), STALLED);
    };
    alive();
    try {
      const response = await fetch(address, { signal: AbortSignal.any([signal, stalled.signal]) });
      if (!response.ok) throw new Error(response.statusText);
      for await (const newest of records(response.body.getReader())) {
        alive();
        onpicture();
        for (const [index, jpeg] of newest) await this.show(index, jpeg);
      }
    } finally {
      clearTimeout(timer);
      stalled.abort();
    }
  }

  async show(index, jpeg) {
    for (const picture of this.pictures) if (picture.index === index) await picture.show(jpeg);
  }
}

/** What has come, as a map from cameras to JPEGs; of several pictures of one camera the newest only. */
async function* records(reader) {
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    const view = new DataView(bytes.buffer);
    const newest = new Map();
    let at = 0;
    while (at + HEAD <= bytes.length) {
      const length = view.getUint32(at + 4);
      if (length > MOST_BYTES) throw new Error("no record of a picture");
      if (at + HEAD + length > bytes.length) break;
      newest.set(view.getUint32(at), new Blob([bytes.subarray(at + HEAD, at + HEAD + length)], { type: "image/jpeg" }));
      at += HEAD + length;
    }
    rest = bytes.slice(at);
    if (newest.size) yield newest;
  }
}

const feed = new Feed();

/** Connect anew: the server was away. */
export const reconnect = () => feed.change(true);

/** The live picture of one camera, with all that is drawn into it. */
export class LivePicture {
  constructor(canvas, index) {
    this.canvas = canvas;
    this.index = index;
  }

  start() {
    if (feed.pictures.has(this)) return;
    feed.pictures.add(this);
    feed.change();
  }

  stop() {
    if (feed.pictures.delete(this)) feed.change();
  }

  /** Pixels across that the screen can show, in steps, so that a small change does not matter. */
  get width() {
    const seen = (this.canvas.clientWidth || 320) * Math.min(devicePixelRatio, 2);
    return Math.min(1920, Math.ceil(seen / 160) * 160);
  }

  /** One picture, of a camera that does not move. */
  async still() {
    const response = await fetch(`/api/cameras/${this.index}/still?width=${this.width}`);
    if (!response.ok) throw new Error(response.statusText);
    await this.show(await response.blob());
  }

  async show(jpeg) {
    const picture = await createImageBitmap(jpeg);
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
      this.canvas.width = picture.width;
      this.canvas.height = picture.height;
    }
    this.canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    this.canvas.dataset.pictures = Number(this.canvas.dataset.pictures ?? 0) + 1;
  }

  /** Run where the camera moves; of one that stands still, one look. */
  mind(wanted, camera) {
    if (wanted && camera?.state === "running") {
      this.looked = false;
      this.start();
      return;
    }
    this.stop();
    if (wanted && camera?.frames && !this.looked) {
      this.looked = true;
      this.still().catch(() => (this.looked = false));
    }
  }
}

let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => feed.change(), 400);
});
