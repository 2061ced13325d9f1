// The page of a run: asks the server how things are, and has each part show it.

import { ApiError, call } from "./api.js";
import { Grid } from "./cameras.js";
import { Charts } from "./charts.js";
import { announce, byId, clock, counted, duration, facts, pause, say } from "./dom.js";
import { Enlarged } from "./enlarged.js";
import { Events } from "./events.js";
import { reconnect } from "./live.js";
import { Wall } from "./people.js";
import { PersonView } from "./person.js";
import { Search } from "./search.js";

const EVERY = 1000;
const run = { state: null };

const enlarged = new Enlarged(() => grid.pause(enlarged.open || person.open));
const grid = new Grid((index) => enlarged.show(index));
const person = new PersonView(run, {
  onchange: () => grid.pause(enlarged.open || person.open),
  onsearch: (picture) => search.use(picture),
});
const wall = new Wall(run, (key) => person.show(key));
const search = new Search(run, (key) => person.show(key));
const events = new Events(run, (key) => person.show(key));
const charts = new Charts(run);
let lost = false;

function show(state) {
  const began = Date.parse(state.started) / 1000;
  const working = state.cameras.filter((camera) => camera.state === "running" && !camera.message).length;
  const frames = state.cameras.reduce((sum, camera) => sum + (camera.state === "running" ? (camera.fps ?? 0) : 0), 0);
  run.state = state;
  document.title = `${counted(state.people_now, "person", "people")} now · ${state.name}`;
  say(byId("subtitle"), `since ${clock(began, false)}, ${duration(state.uptime_s)}`);
  facts(byId("totals"), [
    ["people now", state.people_now],
    ["cameras running", `${working} of ${state.cameras.length}`],
    ["fps in all", frames.toFixed(frames < 10 ? 1 : 0)],
    run.total === undefined ? null : [state.across ? "people so far" : "tracks so far", run.total.toLocaleString("en")],
  ]);
  grid.show(state.cameras);
  enlarged.update(state);
  wall.update();
  search.update();
  charts.update();
}

function connection(problem) {
  const line = byId("connection");
  line.hidden = !problem;
  say(line, problem);
  document.body.classList.toggle("lost", Boolean(problem));
}

async function refresh() {
  try {
    const state = await call("/api/state");
    if (lost) {
      announce("The connection is back.");
      reconnect();
      events.restart();
    }
    lost = false;
    connection("");
    show(state);
  } catch (error) {
    lost = true;
    connection(
      error instanceof ApiError
        ? `The server answered: ${error.message}`
        : "The server does not answer: the run has ended, or the connection is lost. Trying again.",
    );
    const expected = error instanceof ApiError || error instanceof TypeError || error.name === "TimeoutError";
    if (!expected) console.error(error);
  }
}

document.addEventListener("visibilitychange", () => {
  grid.pause(enlarged.open || person.open);
  events.mind();
});
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => charts.redraw(), 400);
});

for (;;) {
  if (!document.hidden || run.state === null) await refresh();
  if (run.state) events.mind();
  await pause(EVERY);
}
