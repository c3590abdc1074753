// What the pages share: their data, their theme, and how a skeleton is drawn.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const UNSEEN = -32768;

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function element(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

let theme = {};
function readTheme() {
  const probe = document.body.appendChild(document.createElement("i"));
  for (const name of ["page", "panel", "line", "ink", "soft", "accent", "cursor", "idle", "idle-line", "seen", "grid"]) {
    probe.style.color = `var(--${name})`;
    theme[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  theme.dark = isDark();
  theme.hatch = hatch();
  $("theme").textContent = theme.dark ? "Light" : "Dark";
  $("theme").ariaLabel = `Use the ${theme.dark ? "light" : "dark"} theme`;
}

/** What fills an idle span. */
function hatch() {
  const tile = document.createElement("canvas").getContext("2d");
  tile.canvas.width = tile.canvas.height = 6;
  tile.fillStyle = theme.idle;
  tile.fillRect(0, 0, 6, 6);
  tile.strokeStyle = theme["idle-line"];
  tile.beginPath();
  for (const x of [-6, 0, 6]) { tile.moveTo(x - 1, 7); tile.lineTo(x + 7, -1); }
  tile.stroke();
  return tile.createPattern(tile.canvas, "repeat");
}

// Paul Tol's "light" scheme: distinct for every kind of colour vision, pale enough for dark words on it. From the
// ninth motion on the same hues come darker, with light words.
const HUES = ["#77aadd", "#ee8866", "#44bb99", "#eedd88", "#ffaabb", "#bbcc33", "#99ddff", "#aaaa00"];
function shade(hex, factor) {
  return "#" + [1, 3, 5].map((i) => Math.round(parseInt(hex.slice(i, i + 2), 16) * factor).toString(16).padStart(2, "0")).join("");
}
function colours(motion) {
  const hue = HUES[motion % 8], deep = Math.floor(motion / 8) % 2;
  return { fill: deep ? shade(hue, 0.52) : hue, edge: shade(hue, deep ? 0.4 : 0.66), ink: deep ? "#ffffff" : "#16191d", hue };
}

/** A 2-D context scaled to CSS pixels, cleared. */
function begin(canvas) {
  const scale = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "middle";
  c.direction = "ltr";
  return { c, width, height };
}

function fit(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  let n = Math.min(text.length, Math.floor(width / 4));
  while (n > 0 && c.measureText(text.slice(0, n) + "…").width > width) n--;
  return n > 0 ? text.slice(0, n) + "…" : "";
}

/** The bones of a joint set {joints, bones} as drawBones wants them, and its head. */
function skeletonOf(set) {
  const is = (part, bone) => bone.some((i) => part.test(set.joints[i]));
  return {
    bones: set.bones.map((bone) => ({
      a: bone[0], b: bone[1], right: is(/^right/, bone.slice(1)), face: is(/eye|ear|mouth/, bone), thin: is(/eye|ear|mouth|pinky|thumb|(left|right)_index|heel/, bone),
    })),
    head: Math.max(set.joints.indexOf("head"), set.joints.indexOf("nose")),
  };
}

/** The right-hand side is fainter, so that one sees which way a body faces. */
function drawBones(c, stream, points, colour, thick, head = 0) {
  c.strokeStyle = c.fillStyle = colour;
  const alpha = c.globalAlpha;
  for (const { a, b, thin, right, face } of stream.bones) {
    if (!points[a] || !points[b] || (face && head)) continue;   // a circle stands for the head
    c.globalAlpha = right ? alpha * 0.55 : alpha;
    c.lineWidth = thin ? thick / 3 : thick;
    c.beginPath();
    c.moveTo(points[a][0], points[a][1]);
    c.lineTo(points[b][0], points[b][1]);
    c.stroke();
  }
  c.globalAlpha = alpha;
  if (!stream.bones.length) {
    for (const p of points) if (p) c.fillRect(p[0] - 2, p[1] - 2, 4, 4);
  }
  const p = head && points[stream.head];
  if (!p) return;
  c.beginPath();
  c.arc(p[0], p[1], head, 0, 2 * Math.PI);
  c.globalAlpha = alpha * 0.3;
  c.fill();
  c.globalAlpha = alpha;
  c.lineWidth = thick / 2;
  c.stroke();
}
