// The live board in the browser: receives what the server has rendered, puts it in place, and lets the timers tick.
// Law: nothing is worded or computed here but the time since a moment. Silence is shown as silence.

import { morph } from "./morph.js";

const STALE_MS = 10_000; // the same ten seconds that the words of link.stale name
const POLL_MS = 5_000;
const RETRY_STREAM_MS = 60_000;

const live = document.getElementById("live");
const sentence = document.getElementById("sentence");
const link = document.getElementById("link");

const clock = { atMs: 0, heardAt: 0, speed: 1 }; // the server's clock, as of the last message
let heardAt = performance.now();
let down = live.dataset.down === "true";
let polling = false;
let failures = 0;
let leaving = false;

// ---- the server's time -------------------------------------------------------------------------------------------

function serverNow() {
  return clock.atMs + (performance.now() - clock.heardAt) * clock.speed;
}

function setClock(atMs, speed = clock.speed) {
  const now = performance.now();
  // A message is never early, only late: the largest time wins, so that timers do not jerk with the network. A clock
  // that is far from ours (another speed, a suspended laptop) is taken as it comes.
  const ahead = serverNow() - atMs;
  clock.speed = speed;
  if (ahead > 0 && ahead < 3_000 * speed) return;
  clock.atMs = atMs;
  clock.heardAt = now;
}

function duration(ms) {
  const whole = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

function tick() {
  const silent = performance.now() - heardAt > STALE_MS;
  const state = down ? "down" : silent ? "stale" : polling ? "polling" : "live";
  if (link.dataset.state !== state) link.dataset.state = state;
  live.classList.toggle("old", down || silent);
  if (down || silent) return;
  const now = serverNow();
  for (const timer of live.querySelectorAll("[data-since]")) {
    const text = duration(now - Number(timer.dataset.since));
    if (timer.textContent !== text) timer.textContent = text;
  }
}

// ---- putting in place --------------------------------------------------------------------------------------------

function show(board) {
  down = board.down;
  if (sentence.textContent !== board.sentence) sentence.textContent = board.sentence;
  sentence.classList.toggle("alarm", board.alarm);
  if (board.html) {
    const page = new DOMParser().parseFromString(`<div>${board.html}</div>`, "text/html");
    const wanted = page.body.firstChild;
    for (const { name, value } of live.attributes) wanted.setAttribute(name, value);
    morph(live, wanted);
    setClock(board.at_ms, board.speed);
  }
  heard();
}

function heard() {
  heardAt = performance.now();
  tick();
}

// ---- hearing -----------------------------------------------------------------------------------------------------

function listen() {
  const stream = new EventSource("/stream");
  stream.addEventListener("board", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("beat", (event) => {
    const { at_ms: atMs } = JSON.parse(event.data);
    if (atMs) setClock(atMs);
    heard();
  });
  stream.addEventListener("open", () => {
    failures = 0;
    polling = false;
  });
  stream.addEventListener("error", () => {
    failures += 1;
    if (leaving) return;
    if (failures < 2 && stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    stream.close();
    polling = true;
    poll();
    setTimeout(listen, RETRY_STREAM_MS);
  });
}

async function poll() {
  if (!polling) return;
  try {
    const answer = await fetch("/now", { cache: "no-store", signal: AbortSignal.timeout(POLL_MS) });
    if (answer.ok) show(await answer.json());
  } catch (error) {
    console.info("the board does not answer, asking again:", error.message); // said on the page by link.stale
  }
  setTimeout(poll, POLL_MS);
}

addEventListener("pagehide", () => (leaving = true));
addEventListener("pageshow", (event) => event.persisted && location.reload()); // out of the back-forward cache, silent
setClock(Number(live.dataset.at), Number(live.dataset.speed));
setInterval(tick, 250);
tick();
listen();
