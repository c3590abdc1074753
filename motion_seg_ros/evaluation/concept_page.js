// The concepts, one by one and together, and what happens on a click.
"use strict";

const body = skeletonOf(data.joint_set);
const JOINTS = data.joint_set.joints.length;
const decoded = unpack(data.decoded);
const moments = data.data && unpack(data.data.moments);
const total = data.usage.reduce((sum, n) => sum + n, 0);
const dataTotal = data.data ? data.data.usage.reduce((sum, n) => sum + n, 0) : 0;
const byUsage = [...data.usage.keys()].sort((a, b) => data.usage[b] - data.usage[a] || a - b);
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const state = { concept: byUsage[0], sort: "usage", label: "", playing: !still, time: 0, yaw: -0.6, pitch: 0.12, list: [] };
// Hands and feet leave a trace, which shows the motion where it stands still.
const TRACED = ["left_wrist", "right_wrist", "left_ankle", "right_ankle"].map((name) => data.joint_set.joints.indexOf(name));
const PAUSE = 0.4;   // seconds between the end of a motion and its beginning

function unpack(packed) {
  return { ...packed, joints: new Int16Array(bytes(packed.joints)) };
}

// ---- Words ----------------------------------------------------------------------------------------------------

const percent = (n, all) => (all ? `${((100 * n) / all).toFixed(n / all < 0.0995 ? 1 : 0)} %` : "–");
const times = (n) => `${n.toLocaleString("en")}×`;
const usageOf = (k) => (data.usage[k] ? percent(data.usage[k], total) : "unused");
const said = (text) => text || "no label";

function topLabel(k) {
  const [first] = data.data ? data.data.labels[k] : [];
  return first ? `${said(first[0])} ${percent(first[1], data.data.usage[k])}` : "";
}

function shareOf(label, k) {
  const found = data.data.labels[k].find(([text]) => text === label);
  return found ? found[1] : 0;
}

// ---- One motion -----------------------------------------------------------------------------------------------

/** Joints [[x, y, z] or null] of frame i of motion m in metres, or null where there is no such motion. */
function pose(motions, k, i) {
  const m = motions.index[k];
  if (m < 0) return null;
  return Array.from({ length: JOINTS }, (_, j) => {
    const at = 3 * ((m * motions.frames + i) * JOINTS + j);
    return motions.joints[at] === UNSEEN ? null : [0, 1, 2].map((axis) => motions.joints[at + axis] / 1000);
  });
}

function frameAt(frames) {
  if (still && !state.playing && state.time === 0) return frames - 1;
  const length = frames / data.rate;
  return Math.min(frames - 1, Math.floor((state.time % (length + PAUSE)) * data.rate));
}

function drawMotion(canvas, motions, k, yaw, pitch) {
  const { c, width, height } = begin(canvas);
  const joints = pose(motions, k, 0);
  if (!joints) {
    c.fillStyle = theme.soft;
    c.textAlign = "center";
    c.fillText(motions === decoded ? "never used" : "not in the data", width / 2, height / 2);
    return;
  }
  const [sin, cos, up, down] = [Math.sin(yaw), Math.cos(yaw), Math.cos(pitch), Math.sin(pitch)];
  const scale = Math.min(height / 2.25, width / 1.9);
  const project = ([x, y, z]) => [
    width / 2 + scale * (y * cos - x * sin),
    height * 0.52 - scale * (z * up - (x * cos + y * sin) * down),
  ];
  const now = frameAt(motions.frames), points = (i) => pose(motions, k, i).map((p) => p && project(p));
  c.lineCap = "round";
  const thick = Math.max(1.6, scale * 0.035);
  c.globalAlpha = 0.16;
  drawBones(c, body, points(0), theme.ink, thick);
  c.globalAlpha = 0.5;
  c.strokeStyle = theme.accent;
  c.lineWidth = 1;
  const path = Array.from({ length: motions.frames }, (_, i) => points(i));
  for (const j of TRACED) {
    c.beginPath();
    for (const p of path) if (p[j]) c.lineTo(...p[j]);
    c.stroke();
  }
  c.globalAlpha = 1;
  drawBones(c, body, path[now], theme.ink, thick, scale * 0.1);
}

// ---- The chosen concept ---------------------------------------------------------------------------------------

function choose(k, scroll = true) {
  state.concept = k;
  for (const card of $("cards").children) card.ariaPressed = String(Number(card.dataset.concept) === k);
  $("concept-name").textContent = `Concept ${k}`;
  const inData = data.data ? `, ${times(data.data.usage[k])} in the data` : "";
  $("concept-usage").textContent = `${times(data.usage[k])} in training (${usageOf(k)})${inData}`;
  fill("before", data.before[k].map(([other, share]) => neighbour(other, share)));
  fill("after", data.after[k].map(([other, share]) => neighbour(other, share)));
  fill("nearest", data.nearest[k].map(([name, time]) => place(name, time)));
  if (data.data) {
    fill("labels", data.data.labels[k].map(([text, n]) => meter(element("bdi", { textContent: said(text) }), n / data.data.usage[k])));
    fill("places", data.data.places[k].map(([name, time]) => place(name, time)));
    const [nearest] = data.data.places[k];
    $("moment-name").textContent = nearest ? `${nearest[0]}, to ${nearest[1].toFixed(1)} s` : "nearest in the data";
  }
  if (scroll && $("concept").getBoundingClientRect().bottom < 60) $("concept").scrollIntoView({ block: "start" });
  drawMatrix();
  redraw();
}

function fill(id, rows) {
  $(id).replaceChildren(...(rows.length ? rows : [element("li", { className: "none", textContent: "none" })]));
}

function meter(name, share) {
  const level = element("i"), width = Math.min(1, share);
  level.style.width = `${100 * width}%`;
  return element("li", {}, name, element("span", { className: "meter" }, level), element("span", { textContent: percent(share, 1) }));
}

function neighbour(other, share) {
  const button = element("button", { type: "button", textContent: other === state.concept ? `${other} (stays)` : other, ariaLabel: `Concept ${other}` });
  button.addEventListener("click", () => choose(other, false));
  return meter(button, share);
}

function place(name, time) {
  return element("li", {}, element("bdi", { textContent: name }), element("span", { textContent: `to ${time.toFixed(1)} s` }));
}

// ---- All of them ----------------------------------------------------------------------------------------------

const inSight = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) inSight[entry.isIntersecting ? "add" : "delete"](entry.target);
  redraw();
}, { rootMargin: "60px" });

function fillCards() {
  const order = state.sort === "number" ? [...data.usage.keys()] : byUsage;
  state.list = state.label === "" ? order : order.filter((k) => shareOf(state.label, k) > 0)
    .sort((a, b) => shareOf(state.label, b) - shareOf(state.label, a) || a - b);
  $("count").textContent = state.list.length === data.usage.length ? data.usage.length : `${state.list.length} of ${data.usage.length}`;
  for (const canvas of inSight) watcher.unobserve(canvas);
  inSight.clear();
  $("cards").replaceChildren(...state.list.map(card));
  for (const canvas of $("cards").querySelectorAll("canvas")) watcher.observe(canvas);
}

function card(k) {
  const label = state.label === "" ? topLabel(k) : percent(shareOf(state.label, k), data.data.usage[k]);
  const button = element("button", { type: "button", ariaPressed: String(k === state.concept), ariaLabel: `Concept ${k}, ${usageOf(k)}, ${label}` },
    element("canvas", { ariaHidden: "true" }), element("b", { textContent: k }), element("span", { className: "share", textContent: usageOf(k) }));
  if (data.data) button.append(element("span", { className: "label", textContent: label, title: label, dir: "auto" }));
  button.dataset.concept = k;
  button.addEventListener("click", () => choose(k));
  return button;
}

/** Arrow keys between the cards, as they lie on the page. */
function moveBetweenCards(event) {
  const cards = [...$("cards").children], at = cards.indexOf(document.activeElement);
  if (at < 0) return;
  const wide = cards.findIndex((c) => c.offsetTop > cards[0].offsetTop), row = wide < 0 ? cards.length : wide;
  const target = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - row, ArrowDown: at + row, Home: 0, End: cards.length - 1 }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  if (cards[target]) cards[target].focus();
}

function step(by) {
  const at = state.list.indexOf(state.concept);
  choose(state.list[(at + by + state.list.length) % state.list.length], false);
}

// ---- What follows what ----------------------------------------------------------------------------------------

const rank = new Map(byUsage.map((k, i) => [k, i]));
const used = byUsage.filter((k) => data.usage[k]).length;

function drawMatrix() {
  const { c, width, height } = begin($("matrix"));
  const size = width / Math.max(1, used), cell = Math.max(1, size);
  c.fillStyle = theme.ink;
  for (const k of byUsage.slice(0, used)) {
    for (const [other, share] of data.after[k]) {
      c.globalAlpha = Math.sqrt(share);
      c.fillRect(rank.get(other) * size, rank.get(k) * size, cell, cell);
    }
  }
  c.globalAlpha = 1;
  c.strokeStyle = theme.cursor;
  if (data.usage[state.concept]) c.strokeRect(0.5, rank.get(state.concept) * size - 0.5, width - 1, Math.min(height, cell + 1));
}

/** [row, column, share] of the cell under the pointer. */
function cellAt(event) {
  const box = $("matrix").getBoundingClientRect(), size = box.width / used;
  const row = byUsage[Math.floor((event.clientY - box.top) / size)], column = byUsage[Math.floor((event.clientX - box.left) / size)];
  if (row === undefined || column === undefined) return null;
  const found = data.after[row].find(([other]) => other === column);
  return [row, column, found ? found[1] : 0];
}

// ---- Drawing --------------------------------------------------------------------------------------------------

let pending = false, last = null;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame((now) => {
    pending = false;
    if (state.playing && last !== null) state.time += (Math.min(now - last, 100) / 1000) * Number($("speed").value);
    last = now;
    drawMotion($("decoded"), decoded, state.concept, state.yaw, state.pitch);
    if (moments) drawMotion($("moment"), moments, state.concept, state.yaw, state.pitch);
    for (const canvas of inSight) drawMotion(canvas, decoded, Number(canvas.parentNode.dataset.concept), -0.6, 0.12);
    if (state.playing) redraw();
  });
}

function play(on) {
  state.playing = on;
  last = null;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").ariaPressed = String(on);
  redraw();
}

function turn(yaw, pitch) {
  state.yaw += yaw;
  state.pitch = Math.min(Math.PI / 2, Math.max(-0.3, state.pitch + pitch));
  redraw();
}

function turnable(canvas) {
  const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  canvas.addEventListener("keydown", (event) => {
    if (!turns[event.key]) return;
    event.preventDefault();
    turn(...turns[event.key]);
  });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) turn(event.movementX / 90, event.movementY / 90);
  });
}

function themeChanged() {
  readTheme();
  drawMatrix();
  redraw();
}

function headerFacts() {
  const dead = data.usage.filter((n) => !n).length;
  const facts = [["Concepts", data.usage.length], ["Perplexity", `${data.perplexity.toFixed(1)} in training`], ["Never used", dead], ...data.facts];
  if (data.data) facts.push(["Encoded", `${data.data.clips} clips, ${data.data.seconds.toLocaleString("en")} s, perplexity ${data.data.perplexity.toFixed(1)}`]);
  $("facts").append(...facts.map(([name, value]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value, dir: "auto" }))));
  const seconds = (decoded.frames / data.rate).toFixed(1);
  const notes = [`Decoded motion: the ${seconds} s that lead up to a concept's nearest token in training, as the decoder gives them, in place. The faint figure is their beginning, lines are the ways of hands and feet; the right side of the body is fainter.`];
  if (data.data) notes.push("Labels are those of the frames in the middle of each token.");
  $("notes").append(...notes.map((text) => element("p", { textContent: text })));
}

function start() {
  $("main").hidden = false;
  $("source").textContent = data.source;
  headerFacts();
  const labels = data.data ? data.data.label_totals : [];
  $("labels-box").hidden = $("label-field").hidden = !labels.length;
  $("places-box").hidden = $("moment-figure").hidden = !data.data;
  $("motions").classList.toggle("alone", !data.data);
  $("label-filter").append(element("option", { value: "", textContent: "all" }),
    ...labels.map(([text, n]) => element("option", { value: text, textContent: `${text} (${percent(n, dataTotal)})` })));
  $("label-filter").addEventListener("change", (event) => { state.label = event.target.value; fillCards(); choose(state.list[0], false); });
  $("sort").addEventListener("change", (event) => { state.sort = event.target.value; fillCards(); });
  $("play").addEventListener("click", () => play(!state.playing));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("cards").addEventListener("keydown", moveBetweenCards);
  $("matrix").addEventListener("pointermove", (event) => {
    const cell = cellAt(event);
    $("cell").textContent = cell ? `${cell[0]} → ${cell[1]}: ${cell[2] ? percent(cell[2], 1) : "not among the most frequent"}` : "";
  });
  $("matrix").addEventListener("click", (event) => { const cell = cellAt(event); if (cell) choose(cell[0], false); });
  for (const id of ["decoded", "moment"]) turnable($(id));
  $("theme").addEventListener("click", () => { document.documentElement.dataset.theme = theme.dark ? "light" : "dark"; themeChanged(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  addEventListener("resize", () => { drawMatrix(); redraw(); });
  readTheme();
  fillCards();
  choose(state.concept, false);
  themeChanged();
  play(state.playing);
}

start();
