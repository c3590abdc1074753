// The data of the page, its words, and what happens on a click. report_canvas.js paints.
"use strict";

// ---- The data -------------------------------------------------------------------------------------------------

for (const stream of data.streams) {
  stream.times = new Float64Array(bytes(stream.times));
  stream.roots = new Float32Array(bytes(stream.roots));
  stream.offsets = new Int16Array(bytes(stream.offsets));
  stream.pixels = stream.pixels && new Int16Array(bytes(stream.pixels));
  Object.assign(stream, skeletonOf(data.joint_sets[stream.joint_set] || { joints: [], bones: [] }));
  stream.lane = 0;
}

const FIELDS = ["track", "id", "revision", "type", "final", "motion", "start", "end", "confidence", "boundary", "label", "from", "stamp"];
const announced = [];         // the latest revision of each segment, with all its events
for (const row of data.events) {
  const event = Object.fromEntries(FIELDS.map((name, i) => [name, row[i]]));
  const last = announced[announced.length - 1];
  if (last && last.track === event.track && last.id === event.id) {
    Object.assign(last, event);
    last.events.push(event);
  } else {
    announced.push({ ...event, events: [event] });
  }
}
// A final event of no length and without a boundary withdraws its segment.
const segments = announced.filter((s) => !(s.final && s.start === s.end && s.boundary === 0));
segments.sort((a, b) => a.start - b.start || a.track - b.track);
const rows = data.tracks.map((_, track) => segments.filter((s) => s.track === track));
const motions = [...new Set(segments.map((s) => s.motion))].sort((a, b) => (a < 0) - (b < 0) || a - b);
const length = Math.max(data.duration, 1e-3);
// Two poses further apart than this have nothing to do with one another.
const gap = Math.max(data.hold, data.rate ? (1.5 * data.stride) / data.rate : 0);

const shown = (s) => (state.track === null || s.track === state.track) && (state.motion === null || s.motion === state.motion);
const opening = Math.min(...data.streams.flatMap((s) => s.seen.slice(0, 1).map((span) => span[0])));
const state = { t: Number.isFinite(opening) ? opening : 0, from: 0, to: length, hover: null, selected: null, track: null, motion: null, playing: false, yaw: 0, pitch: 0.15 };

const truthHeight = data.labels.length ? TRUTH : 0;   // pixels of the row of labels
const scene = measureScene();

/** Index of the last element of a sorted list that is not after t, or -1. */
function before(list, t, key = (x) => x) {
  let low = 0, high = list.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (key(list[mid]) <= t) low = mid + 1; else high = mid;
  }
  return low - 1;
}

function segmentAt(track, t) {
  const segment = rows[track][before(rows[track], t, (s) => s.start)];
  return segment && t <= segment.end ? segment : null;
}

function isSeen(stream, t) {
  const span = stream.seen[before(stream.seen, t, (s) => s[0])];
  return Boolean(span) && t <= span[1];
}

/** Joints [[x, y, z] or null] of a track in metres, between the two nearest frames, or null when nobody was seen. */
function poseAt(stream, t) {
  const i = before(stream.times, t);
  if (i < 0 || t - stream.times[i] > gap || !isSeen(stream, t)) return null;
  const span = stream.times[i + 1] - stream.times[i];
  const mix = span > 0 && span <= gap ? (t - stream.times[i]) / span : 0;
  const joints = [];
  for (let j = 0; j < stream.size; j++) {
    const a = joint(stream, i, j), b = mix && joint(stream, i + 1, j);
    joints.push(a && b ? a.map((v, k) => v + mix * (b[k] - v)) : a);
  }
  return joints;
}

function joint(stream, i, j) {
  const at = 3 * (i * stream.size + j);
  if (stream.offsets[at] === UNSEEN) return null;
  return [0, 1, 2].map((k) => stream.roots[3 * i + k] + stream.offsets[at + k] / 1000 - (k === 1 ? stream.lane : 0));
}

// ---- Words and colours ----------------------------------------------------------------------------------------

function clock(t, digits = 2) {
  if (data.duration < 120) return t.toFixed(digits);
  const step = 10 ** digits, all = Math.round(t * step), whole = Math.floor(all / step);
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const fraction = digits ? "." + String(all % step).padStart(digits, "0") : "";
  return (hours ? `${hours}:${pad(minutes)}` : minutes) + ":" + pad(whole % 60) + fraction;
}

const seconds = (t) => `${t.toFixed(2)} s`;
const percent = (x) => (x === null ? "–" : x.toFixed(2));
const motionName = (motion) => (motion < 0 ? "idle" : `motion ${motion}`);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function chip(motion) {
  const node = element("span", { className: motion < 0 ? "chip idle" : "chip", textContent: motion < 0 ? "idle" : motion });
  if (motion >= 0) Object.assign(node.style, { background: colours(motion).fill, color: colours(motion).ink });
  return node;
}

// ---- Who does what at the cursor --------------------------------------------------------------------------------

let nowKey = null;
function drawNow() {
  const present = data.tracks.map((name, track) => ({ name, segment: segmentAt(track, state.t), seen: data.streams.some((s) => s.track === track && isSeen(s, state.t)) }))
    .filter((p) => p.segment || p.seen);
  const key = present.map((p) => `${p.name} ${p.segment && segments.indexOf(p.segment)} ${p.seen}`).join("|");
  if (key !== nowKey) {
    nowKey = key;
    $("now").replaceChildren(...present.map((p) => element("div", { className: "person" },
      element("div", { className: "who" }, "track ", element("b", { textContent: p.name, dir: "auto" }), p.seen ? "" : "not seen"),
      p.segment ? element("div", { className: "what" }, chip(p.segment.motion), element("span", { textContent: p.segment.label, dir: "auto" })) : "no segment",
      p.segment ? element("progress", { max: 1 }) : "")));
    if (!present.length) $("now").append(element("div", { className: "person" }, element("div", { className: "who" }, "nobody at the cursor")));
  }
  const bars = $("now").querySelectorAll("progress");
  present.filter((p) => p.segment).forEach(({ segment: s }, i) => {
    bars[i].value = (state.t - s.start) / Math.max(1e-6, s.end - s.start);
    bars[i].ariaLabel = `${(state.t - s.start).toFixed(1)} of ${seconds(s.end - s.start)}`;
  });
}

// ---- The table ------------------------------------------------------------------------------------------------

const table = { list: [], drawn: 0 };
const CHUNK = 150;

function fillTable() {
  table.list = segments.filter(shown);
  table.drawn = 0;
  $("table").replaceChildren();
  $("count").textContent = table.list.length === segments.length ? segments.length : `${table.list.length} of ${segments.length}`;
  extendTable(CHUNK);
}

/** Rows are made when they are scrolled to: an hour has thousands. */
function extendTable(count) {
  const rest = table.list.slice(table.drawn, count);
  $("table").append(...rest.map(tableRow));
  table.drawn += rest.length;
}

function tableRow(s) {
  const cell = (name, ...children) => element("td", { className: name }, ...children);
  const meter = (x) => {
    const level = element("i");
    level.style.width = `${100 * Math.min(1, Math.max(0, x || 0))}%`;
    return cell("wide", element("span", { className: "meter" }, level), percent(x));
  };
  const jump = element("button", { type: "button", className: "jump", textContent: clock(s.start), ariaLabel: `Go to ${clock(s.start)}, ${motionName(s.motion)}` });
  const history = element("button", { type: "button", className: "history", textContent: s.events.length, ariaExpanded: "false", ariaLabel: `${plural(s.events.length, "event")} of this segment` });
  s.row = element("tr", { className: s.final ? "segment" : "segment open" },
    cell("", jump), cell("n", seconds(s.end - s.start)), cell("wide n", clock(s.end)), cell("", chip(s.motion)),
    cell("wide", element("bdi", { textContent: data.tracks[s.track] })),
    cell("label", element("bdi", { textContent: s.label }), s.label && s.from ? element("span", { className: "from", textContent: s.from }) : ""),
    meter(s.confidence), meter(s.boundary), cell("n", history));
  s.row.addEventListener("click", (event) => (event.target === history ? toggleHistory(s, history) : select(s, s.start)));
  if (s === state.selected) s.row.ariaCurrent = "true";
  return s.row;
}

function toggleHistory(s, button) {
  const open = button.ariaExpanded !== "true";
  button.ariaExpanded = String(open);
  if (!open) return s.row.nextSibling.remove();
  s.row.after(element("tr", { className: "history" }, element("td", { colSpan: 9 }, element("ol", {}, ...s.events.map((e) =>
    element("li", {}, element("b", { textContent: `${e.type.toLowerCase()}${e.final ? ", final" : ""}` }),
      ` revision ${e.revision} at ${clock(e.stamp)}: ${clock(e.start)} – ${clock(e.end)}, ${motionName(e.motion)}, confidence ${percent(e.confidence)}, boundary ${percent(e.boundary)}`,
      e.label ? element("bdi", { textContent: `, “${e.label}”` }) : ""))))));
}

function select(s, t) {
  if (!shown(s)) filter(null, null);
  if (state.selected && state.selected.row) state.selected.row.removeAttribute("aria-current");
  state.selected = s;
  extendTable(table.list.indexOf(s) + CHUNK);
  s.row.ariaCurrent = "true";
  const box = $("table-box"), y = s.row.offsetTop;
  if (y < box.scrollTop + 30 || y + s.row.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = y - box.clientHeight / 3;
  moveTo(t);
}

function filter(track, motion) {
  Object.assign(state, { track, motion });
  $("track-filter").value = track === null ? "" : track;
  for (const button of $("motions").children) button.ariaPressed = String(button.dataset.motion === String(motion));
  fillTable();
  redraw();
}

// ---- Moving about ---------------------------------------------------------------------------------------------

function zoom(factor, centre = state.t) {
  const range = Math.min(length, Math.max(0.2, (state.to - state.from) * factor));
  const pivot = Math.min(state.to, Math.max(state.from, centre));
  look(pivot - ((pivot - state.from) / (state.to - state.from)) * range, range);
}

function look(from, range = state.to - state.from) {
  state.from = Math.min(Math.max(0, from), Math.max(0, length - range));
  state.to = state.from + range;
  redraw();
}

function moveTo(t) {
  state.t = Math.min(length, Math.max(0, t));
  const range = state.to - state.from;
  if (state.t < state.from || state.t > state.to) look(state.t - 0.1 * range, range);
  redraw();
}

const frameTime = data.rate ? 1 / data.rate : length / 100;
const boundaries = [...new Set(segments.map((s) => s.start))];
const KEYS = {
  ArrowLeft: (shift) => moveTo(state.t - (shift ? 1 : frameTime)),
  ArrowRight: (shift) => moveTo(state.t + (shift ? 1 : frameTime)),
  PageUp: () => moveTo(boundaries[before(boundaries, state.t - 1e-6)] || 0),
  PageDown: () => moveTo(boundaries[before(boundaries, state.t + 1e-6) + 1] ?? length),
  Home: () => moveTo(0),
  End: () => moveTo(length),
  "+": () => zoom(0.5),
  "-": () => zoom(2),
  " ": () => play(!state.playing),
};
const VIEWS = { front: [0, 0.15], side: [Math.PI / 2, 0.15], top: [0, Math.PI / 2] };
const TURNS = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };

function turn(yaw, pitch) {
  state.yaw += yaw;
  state.pitch = Math.min(Math.PI / 2, Math.max(-0.3, state.pitch + pitch));
  redraw();
}

function play(on) {
  if (on && state.t >= length) moveTo(0);
  state.playing = on;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").ariaPressed = String(on);
  let last = null;
  const tick = (now) => {
    if (!state.playing) return;
    if (last !== null) moveTo(state.t + ((now - last) / 1000) * Number($("speed").value));
    last = now;
    if (state.t >= length) play(false); else requestAnimationFrame(tick);
  };
  if (on) requestAnimationFrame(tick);
}

/** Call drag(x, y, event) while the pointer is held on a canvas; x and y are CSS pixels inside it. */
function onDrag(canvas, press, drag) {
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); press(...at(event), event); });
  canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) drag(...at(event), event); });
}

function trackAtY(y) {
  return y < AXIS + truthHeight ? -1 : Math.floor((y - AXIS - truthHeight + $("rows").scrollTop) / ROW);
}

function barAt(x, y) {
  const track = trackAtY(y);
  return x >= gutter() && track >= 0 && track < rows.length ? segmentAt(track, toTime(x)) : null;
}

function showTip(x, y) {
  const s = barAt(x, y), tip = $("tip");
  state.hover = x >= gutter() ? Math.min(length, Math.max(0, toTime(x))) : null;
  tip.hidden = !s;
  if (s) {
    tip.textContent = `${motionName(s.motion)}${s.label ? ` · ${s.label}` : ""}\n${clock(s.start)} – ${clock(s.end)} (${seconds(s.end - s.start)})\nconfidence ${percent(s.confidence)}, boundary ${percent(s.boundary)}${s.final ? "" : "\nnot final"}`;
    tip.style.left = `${Math.min(x + 14, $("timeline").clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${$("rows").offsetTop + y + 16}px`;
  }
  redraw();
}

// ---- Drawing --------------------------------------------------------------------------------------------------

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    drawTimeline();
    drawOverview();
    drawScene();
    drawImage();
    drawNow();
    $("time").textContent = `${clock(state.t)} / ${clock(data.duration)}${data.duration < 120 ? " s" : ""}`;
    const line = $("timeline");
    Object.assign(line, { ariaValueMin: "0", ariaValueMax: length.toFixed(2), ariaValueNow: state.t.toFixed(2) });
    line.ariaValueText = `${seconds(state.t)}; ` + data.tracks.map((name, i) => [name, segmentAt(i, state.t)]).filter(([, s]) => s)
      .map(([name, s]) => `track ${name}: ${motionName(s.motion)} ${s.label}`).join("; ");
  });
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  themeChanged();
}

function themeChanged() {
  readTheme();
  const key = $("key-boundary").getContext("2d");
  key.clearRect(0, 0, 64, 16);
  key.fillStyle = theme.ink;
  for (let i = 0; i <= 10; i++) key.fillRect(1 + 6 * i, 14 - 1.2 * i, 2, 1 + 1.2 * i);
  redraw();
}

function headerFacts() {
  const final = segments.filter((s) => s.final).length, known = motions.filter((m) => m >= 0).length;
  const facts = [["Duration", data.duration < 120 ? seconds(data.duration) : clock(data.duration, 0)], ["People", data.tracks.length],
    ["Segments", final === segments.length ? segments.length : `${segments.length}, ${final} final`], ["Motions", known],
    ["Frames", data.frames + (data.rate ? ` at ${data.rate.toFixed(1)} Hz` : "")], ["Events", data.events.length], ...data.facts];
  $("facts").append(...facts.map(([name, value]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value, dir: "auto" }))));
  const notes = [`Times are seconds after the stamp ${data.origin} ns.`];
  if (data.stride > 1) notes.push(`Skeletons are thinned to every ${data.stride}th frame (${(data.rate / data.stride).toFixed(1)} Hz) to keep this page small, and drawn between them; segments are complete.`);
  if (data.thumbnail_stride > 1) notes.push(`Of the images every ${data.thumbnail_stride}th is kept.`);
  if (scene.sideBySide) notes.push("Every skeleton has its own origin: people are drawn side by side, not where they stood.");
  $("notes").append(...notes.map((text) => element("p", { textContent: text })));
}

function motionButtons() {
  for (const motion of motions) {
    const list = segments.filter((s) => s.motion === motion), total = list.reduce((sum, s) => sum + s.end - s.start, 0);
    const labels = [...new Set(list.map((s) => s.label).filter(Boolean))];
    const button = element("button", { type: "button", ariaPressed: "false" }, chip(motion),
      element("bdi", { textContent: labels.length === 1 ? labels[0] : "" }), element("span", { textContent: `${list.length}× ${total.toFixed(1)} s` }));
    button.dataset.motion = motion;
    button.addEventListener("click", () => filter(state.track, state.motion === motion ? null : motion));
    $("motions").append(button);
  }
}

function start() {
  $("source").textContent = data.source;
  $("theme").addEventListener("click", () => setTheme(theme.dark ? "light" : "dark"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  if (!data.events.length && !data.frames && !data.thumbnails.length && !data.labels.length) {
    $("empty").hidden = false;
    return themeChanged();
  }
  $("main").hidden = false;
  $("image-panel").hidden = !data.thumbnails.length;
  $("overlay-label").hidden = !data.image_size;
  const total = AXIS + truthHeight + Math.max(1, rows.length) * ROW, tall = Math.min(total, MAX_ROWS);
  $("timeline").style.height = `${tall}px`;
  $("rows-height").style.height = `${total - tall}px`;
  headerFacts();
  motionButtons();
  $("track-filter").append(new Option("all", ""), ...data.tracks.map((name, i) => new Option(name || "(no name)", i)));
  $("track-field").hidden = rows.length < 2;
  $("track-filter").addEventListener("change", (event) => filter(event.target.value === "" ? null : Number(event.target.value), state.motion));
  fillTable();

  const line = $("timeline");
  onDrag(line, (x, y) => { const bar = barAt(x, y); if (bar) select(bar, toTime(x)); else moveTo(toTime(x)); }, (x) => moveTo(toTime(x)));
  line.addEventListener("pointermove", (event) => showTip(event.offsetX, event.offsetY));
  line.addEventListener("pointerleave", () => { state.hover = null; $("tip").hidden = true; redraw(); });
  line.addEventListener("wheel", (event) => {
    if (event.offsetX < gutter()) return;   // over the names the wheel scrolls the rows
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY), range = state.to - state.from;
    if (!sideways && event.deltaY > 0 && range >= length) return;   // all is in sight: let the page scroll
    event.preventDefault();
    if (sideways) look(state.from + ((event.deltaX || event.deltaY) / line.clientWidth) * range);
    else zoom(Math.exp(event.deltaY / 400), toTime(event.offsetX));
  }, { passive: false });
  const pan = (x) => look((x / $("overview").clientWidth) * length - (state.to - state.from) / 2);
  onDrag($("overview"), pan, pan);
  let grip = [0, 0];
  onDrag($("scene"), (x, y) => { grip = [x, y]; }, (x, y) => { turn((x - grip[0]) / 120, (y - grip[1]) / 120); grip = [x, y]; });
  $("rows").addEventListener("scroll", redraw);
  $("table-box").addEventListener("scroll", (event) => {
    if (event.target.scrollTop + 2 * event.target.clientHeight > event.target.scrollHeight) extendTable(table.drawn + CHUNK);
  });
  $("play").addEventListener("click", () => play(!state.playing));
  $("zoom-in").addEventListener("click", () => zoom(0.5));
  $("zoom-out").addEventListener("click", () => zoom(2));
  $("zoom-all").addEventListener("click", () => look(0, length));
  $("overlay").addEventListener("change", redraw);
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => { [state.yaw, state.pitch] = VIEWS[button.dataset.view]; redraw(); });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select, input")) return;
    if (event.key === " " && event.target.closest("button")) return;
    if (event.target.closest("#table-box") && event.key !== " ") return;   // there the keys scroll
    const turned = event.target === $("scene") && TURNS[event.key], action = KEYS[event.key];
    if (!turned && !action) return;
    event.preventDefault();
    if (turned) turn(...turned); else action(event.shiftKey);
  });
  new ResizeObserver(redraw).observe(document.body);
  themeChanged();
}

start();
