// Live pictures on a canvas. A browser opens six connections to a server and no more: some pictures come as a stream,
// which holds one, the others one by one.

import { pause } from "./dom.js";

const slots = { most: 2, taken: new Set() };
const STALLED = 12000;

/** Too few connections are left for anything else (other windows have them): no streams any more. */
export function spareConnections() {
  slots.most = 0;
  for (const picture of slots.taken) picture.restart();
}

/** The live picture of one camera; `draw` says whether it comes with boxes and labels. */
export class LivePicture {
  constructor(canvas, index) {
    this.canvas = canvas;
    this.index = index;
    this.stopping = null;
    this.onframe = () => {};
  }

  start() {
    if (this.stopping) return;
    this.stopping = new AbortController();
    this.run(this.stopping.signal);
  }

  stop() {
    this.stopping?.abort();
    this.stopping = null;
  }

  restart() {
    if (!this.stopping) return;
    this.stop();
    this.start();
  }

  /** Pixels across that the screen can show, in steps, so that a small change does not matter. */
  get width() {
    return Math.min(1920, Math.ceil(((this.canvas.clientWidth || 320) * Math.min(devicePixelRatio, 2)) / 160) * 160);
  }

  async run(signal) {
    let wait = 250;
    while (!signal.aborted) {
      try {
        if (slots.taken.size < slots.most) await this.stream(signal);
        else await this.still(signal);
        wait = 250;
        await pause(100, signal);
      } catch {
        // gone, or not there yet: what is wrong stands beside the picture, from the state of the camera
        await pause(wait, signal);
        wait = Math.min(2 * wait, 5000);
      }
    }
  }

  async stream(signal) {
    slots.taken.add(this);
    const own = new AbortController();
    let stalled;
    const alive = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => own.abort(), STALLED);
    };
    try {
      alive();
      const response = await fetch(`/api/cameras/${this.index}/live?width=${this.width}`, {
        signal: AbortSignal.any([signal, own.signal]),
      });
      if (!response.ok) throw new Error(response.statusText);
      for await (const jpeg of parts(response.body.getReader())) {
        alive();
        await this.show(jpeg);
      }
    } finally {
      clearTimeout(stalled);
      own.abort();
      slots.taken.delete(this);
    }
  }

  async still(signal) {
    const response = await fetch(`/api/cameras/${this.index}/still?width=${this.width}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(STALLED)]),
    });
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
    this.onframe();
  }
}

/** The pictures of a multipart answer; of those that came at once, the newest only. */
async function* parts(reader) {
  let rest = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(rest.length + value.length);
    joined.set(rest);
    joined.set(value, rest.length);
    rest = joined;
    let newest = null;
    for (let part = next(rest); part; part = next(rest)) {
      newest = part.body;
      rest = part.rest;
    }
    if (newest) yield new Blob([newest], { type: "image/jpeg" });
  }
}

/** The first whole part of the bytes, and what follows it. */
function next(bytes) {
  const end = endOfHead(bytes);
  if (end < 0) return null;
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, end));
  const length = Number(/content-length:\s*(\d+)/i.exec(head)?.[1] ?? NaN);
  if (!Number.isFinite(length)) throw new Error("a part without its length");
  if (bytes.length < end + length) return null;
  return { body: bytes.slice(end, end + length), rest: bytes.slice(end + length) };
}

function endOfHead(bytes) {
  const from = bytes.findIndex((byte) => byte !== 13 && byte !== 10); // line ends between parts
  for (let at = Math.max(0, from); at + 3 < bytes.length && at < 4096; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}
