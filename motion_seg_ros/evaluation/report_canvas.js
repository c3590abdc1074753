// How everything on the page is painted; report.js, which follows, says what and when.
"use strict";

// ---- The timeline ---------------------------------------------------------------------------------------------

const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const AXIS = 22, TRUTH = 24, ROW = 40, STEM = 10, BAR = 22, MAX_ROWS = 340;
const gutter = () => ($("timeline").clientWidth < 600 ? 56 : 96);
const toX = (t) => gutter() + ((t - state.from) / (state.to - state.from)) * ($("timeline").clientWidth - gutter() - 8);
const toTime = (x) => state.from + ((x - gutter()) / ($("timeline").clientWidth - gutter() - 8)) * (state.to - state.from);

function drawTimeline() {
  const { c, width, height } = begin($("timeline"));
  const left = gutter(), top = AXIS + truthHeight, scroll = $("rows").scrollTop;
  const first = Math.max(0, Math.floor(scroll / ROW)), last = Math.min(rows.length, Math.ceil((scroll + height - top) / ROW));
  const inside = () => {
    c.save();
    c.beginPath();
    c.rect(left, 0, width - left, height);
    c.clip();
  };
  inside();
  drawTicks(c, width, (x) => {
    c.fillStyle = theme.grid;
    c.fillRect(x, top, 1, height);
  });
  for (let track = first; track < last; track++) {
    const y = top + track * ROW - scroll, bar = y + STEM + 4;
    c.fillStyle = theme.seen;
    for (const stream of data.streams) {
      if (stream.track !== track) continue;
      for (const [a, b] of stream.seen) c.fillRect(toX(a), y + 1, Math.max(1, toX(b) - toX(a)), ROW - 2);
    }
    for (const s of visibleRow(track)) drawBar(c, s, bar);
  }
  c.restore();
  c.fillStyle = theme.ink;
  for (let track = first; track < last; track++) {
    c.fillText(fit(c, data.tracks[track] || "(no name)", left - 18), 12, top + track * ROW - scroll + STEM + 4 + BAR / 2);
  }
  c.fillStyle = theme.panel;
  c.fillRect(0, 0, width, top);
  c.fillStyle = theme.soft;
  const narrow = left < 90;
  c.fillText(data.duration < 120 ? (narrow ? "s" : "seconds") : "time", 12, AXIS / 2 + 1);
  if (truthHeight) c.fillText(narrow ? "truth" : "ground truth", 12, AXIS + TRUTH / 2 - 1);
  inside();
  drawTicks(c, width, (x, words) => {
    c.fillStyle = theme.line;
    c.fillRect(x, AXIS - 6, 1, 6);
    c.fillStyle = theme.soft;
    c.fillText(words, x + 4, AXIS / 2 + 1);
  });
  if (truthHeight) {
    data.labels.forEach(([a, b, text], i) => {
      const x = toX(a), w = Math.max(1, toX(b) - x);
      if (x > width || x + w < left) return;
      c.fillStyle = i % 2 ? theme.grid : theme.seen;
      c.fillRect(x, AXIS + 2, w, TRUTH - 6);
      c.fillStyle = theme.soft;
      c.fillRect(x, AXIS + 2, 1, TRUTH - 6);
      drawWords(c, text, x, w, AXIS + TRUTH / 2 - 1, theme.ink);
    });
  }
  if (state.hover !== null) drawCursor(c, state.hover, theme.soft, 1, height);
  drawCursor(c, state.t, theme.cursor, 2, height);
  c.restore();
}

/** Segments of a row inside the view; of those that share a pixel the first. */
function* visibleRow(track) {
  const row = rows[track];
  let drawn = -1;
  for (let i = Math.max(0, before(row, state.from, (s) => s.start)); i < row.length && row[i].start <= state.to; i++) {
    const end = toX(row[i].end);
    if (end - drawn < 0.5 && row[i] !== state.selected) continue;
    drawn = end;
    yield row[i];
  }
}

function drawBar(c, s, y) {
  const x = toX(s.start), w = Math.max(1.5, toX(s.end) - x - 1);
  const look = s.motion < 0 ? { fill: theme.hatch, edge: theme["idle-line"], ink: theme.ink } : colours(s.motion);
  c.globalAlpha = shown(s) ? (s.final ? 1 : 0.7) : 0.15;
  c.fillStyle = look.fill;
  c.beginPath();
  c.roundRect(x, y, w, BAR, Math.min(3, w / 3));
  c.fill();
  if (w > 3) {
    c.strokeStyle = look.edge;
    c.setLineDash(s.final ? [] : [3, 2]);
    c.stroke();
    c.setLineDash([]);
  }
  const id = s.motion < 0 ? "" : String(s.motion);
  if (w > 12) drawWords(c, [id, s.label].filter(Boolean).join(" "), x, w, y + BAR / 2 + 0.5, look.ink);
  if (s.boundary !== null) {
    c.fillStyle = theme.ink;
    c.globalAlpha *= Math.min(1, Math.max(0.25, w / 8));   // many narrow ones must not make a black band
    const stem = Math.round(STEM * s.boundary);
    c.fillRect(Math.round(x), y - 1 - stem, 2, stem);
  }
  if (s === state.selected) {
    c.globalAlpha = 1;
    c.strokeStyle = theme.ink;
    c.lineWidth = 2;
    c.beginPath();
    c.roundRect(x - 1, y - 1, w + 2, BAR + 2, 4);
    c.stroke();
    c.lineWidth = 1;
  }
  c.globalAlpha = 1;
}

/** Words at the left of a bar, kept in sight while the bar is. */
function drawWords(c, text, x, w, y, colour) {
  const start = Math.max(x, gutter()) + 5, words = fit(c, text, x + w - start - 3);
  c.fillStyle = colour;
  if (words) c.fillText(words, start, y);
}

/** Calls draw(x, words) for the round times in sight. */
function drawTicks(c, width, draw) {
  const range = state.to - state.from, room = Math.max(2, (width - gutter()) / 80);
  const step = STEPS.find((s) => range / s <= room) || range / room;
  const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
  for (let n = Math.ceil(state.from / step - 1e-9); n * step <= state.to + 1e-9; n++) draw(Math.round(toX(n * step)), clock(n * step, digits));
}

function drawCursor(c, t, colour, w, height) {
  c.fillStyle = colour;
  c.fillRect(toX(t) - w / 2, 0, w, height);
}

function drawOverview() {
  const { c, width, height } = begin($("overview"));
  const x = (t) => (t / length) * width, h = Math.max(1, Math.floor((height - 6) / Math.max(1, rows.length)));
  rows.forEach((row, i) => {
    for (const s of row) {
      c.globalAlpha = shown(s) ? 1 : 0.15;
      c.fillStyle = s.motion < 0 ? theme.idle : colours(s.motion).fill;
      c.fillRect(x(s.start), 3 + ((i * h) % (height - 6)), Math.max(0.6, x(s.end) - x(s.start)), h);
    }
  });
  c.globalAlpha = 0.7;
  c.fillStyle = theme.page;
  c.fillRect(0, 0, x(state.from), height);
  c.fillRect(x(state.to), 0, width, height);
  c.globalAlpha = 1;
  c.strokeStyle = theme.soft;
  c.strokeRect(x(state.from) + 0.5, 0.5, Math.max(2, x(state.to) - x(state.from) - 1), height - 1);
  c.fillStyle = theme.cursor;
  c.fillRect(x(state.t) - 1, 0, 2, height);
}

// ---- The scene ------------------------------------------------------------------------------------------------

/** Where to look: floor, centre and size of everything that is in the recording, without the outliers. */
function measureScene() {
  const rooted = data.streams.length > 0 && data.streams.every((s) => s.rooted), lanes = [];
  if (rooted) {
    for (const stream of [...data.streams].sort((a, b) => a.seen[0][0] - b.seen[0][0])) {
      const free = lanes.findIndex((end) => end < stream.seen[0][0]);
      stream.lane = free < 0 ? lanes.length : free;
      lanes[stream.lane] = stream.seen[stream.seen.length - 1][1];
    }
    for (const stream of data.streams) stream.lane = 1.4 * (stream.lane - (lanes.length - 1) / 2);
  }
  const values = [[], [], [], []];   // x, y, lowest z, highest z
  for (const stream of data.streams) {
    const count = stream.times.length, every = Math.ceil(count / 1500);
    for (let i = 0; i < count; i += every) {
      const body = Array.from({ length: stream.size }, (_, j) => joint(stream, i, j)).filter(Boolean);
      if (!body.length) continue;
      values[0].push(stream.roots[3 * i]);
      values[1].push(stream.roots[3 * i + 1] - stream.lane);
      values[2].push(Math.min(...body.map((p) => p[2])));
      values[3].push(Math.max(...body.map((p) => p[2])));
    }
  }
  values.forEach((list) => list.sort((a, b) => a - b));
  const at = (k, part) => (values[k].length ? values[k][Math.round(part * (values[k].length - 1))] : 0);
  const floor = at(2, 0.1), wide = Math.max(at(0, 0.98) - at(0, 0.02), at(1, 0.98) - at(1, 0.02));
  return {
    sideBySide: lanes.length > 1, floor, height: Math.max(1.2, at(3, 0.98) - floor), follow: wide > 6, wide: Math.min(wide, 6) + 1.3,
    centre: [(at(0, 0.98) + at(0, 0.02)) / 2, (at(1, 0.98) + at(1, 0.02)) / 2],
  };
}

function drawScene() {
  const { c, width, height } = begin($("scene"));
  const people = data.streams.map((stream) => ({ stream, joints: poseAt(stream, state.t) })).filter((p) => p.joints);
  let [cx, cy] = scene.centre;
  if (scene.follow && people.length) {
    const bodies = people.flatMap((p) => p.joints.filter(Boolean));
    [cx, cy] = [0, 1].map((k) => bodies.reduce((sum, p) => sum + p[k], 0) / bodies.length);
  }
  const [sin, cos, up, down] = [Math.sin(state.yaw), Math.cos(state.yaw), Math.cos(state.pitch), Math.sin(state.pitch)];
  const scale = Math.min((height - 34) / (scene.height * 1.12 + 0.25), width / scene.wide), middle = scene.floor + scene.height / 2;
  const project = ([x, y, z]) => {
    const far = (x - cx) * cos + (y - cy) * sin, side = (x - cx) * sin - (y - cy) * cos;
    return [width / 2 + scale * side, height / 2 + 10 - scale * ((z - middle) * up + far * down), far * up - (z - middle) * down];
  };
  c.strokeStyle = theme.grid;
  c.lineWidth = 1;
  c.beginPath();
  const reach = Math.ceil(scene.wide / 2 + 0.5), [gx, gy] = [Math.round(cx * 2) / 2, Math.round(cy * 2) / 2];
  for (let k = -reach; k <= reach; k += 0.5) {
    for (const [a, b] of [[[gx + k, gy - reach], [gx + k, gy + reach]], [[gx - reach, gy + k], [gx + reach, gy + k]]]) {
      c.moveTo(...project([...a, scene.floor]).slice(0, 2));
      c.lineTo(...project([...b, scene.floor]).slice(0, 2));
    }
  }
  c.stroke();
  c.lineCap = "round";
  for (const { stream, joints } of people) {
    c.globalAlpha = 0.13;
    drawBones(c, stream, joints.map((p) => p && project([p[0], p[1], scene.floor])), theme.ink, 4);
    c.globalAlpha = 1;
  }
  const depth = (p) => Math.max(...p.points.filter(Boolean).map((q) => q[2]));
  people.forEach((p) => { p.points = p.joints.map((q) => q && project(q)); });
  for (const { stream, points } of people.sort((a, b) => depth(b) - depth(a))) {
    const segment = segmentAt(stream.track, state.t);
    drawBones(c, stream, points, bodyColour(segment, theme.dark), Math.max(2.5, scale * 0.03), scale * 0.1);
    const top = points.filter(Boolean).reduce((a, b) => (b[1] < a[1] ? b : a));
    const words = fit(c, [data.tracks[stream.track], segment && (segment.label || motionName(segment.motion))].filter(Boolean).join(" · "), 200);
    c.textAlign = "center";
    c.lineWidth = 4;
    c.strokeStyle = theme.panel;
    c.strokeText(words, top[0], Math.max(14, top[1] - scale * 0.1 - 14));
    c.fillStyle = theme.ink;
    c.fillText(words, top[0], Math.max(14, top[1] - scale * 0.1 - 14));
    c.textAlign = "start";
  }
  if (!people.length) {
    c.fillStyle = theme.soft;
    c.textAlign = "center";
    c.fillText(data.streams.length ? "nobody seen here" : "no skeletons in this report", width / 2, height / 2);
    c.textAlign = "start";
  }
}

function bodyColour(segment, dark) {
  if (!segment || segment.motion < 0) return dark ? "#9aa1a9" : "#70767d";
  return dark ? colours(segment.motion).hue : colours(segment.motion).edge;
}

const image = { index: -1, picture: null };
function drawImage() {
  const index = Math.max(0, before(data.thumbnails, state.t, (t) => t[0]));
  if (!data.thumbnails.length) return;
  if (image.index !== index) {
    image.index = index;
    const picture = new Image();
    picture.onload = () => { if (image.index === index) { image.picture = picture; redraw(); } };
    picture.src = "data:image/jpeg;base64," + data.thumbnails[index][1];
  }
  if (!image.picture) return;
  const canvas = $("image"), tall = 300 * (devicePixelRatio || 1);
  const wide = Math.round((tall * image.picture.naturalWidth) / image.picture.naturalHeight);
  if (canvas.width !== wide || canvas.height !== Math.round(tall)) Object.assign(canvas, { width: wide, height: Math.round(tall) });
  const c = canvas.getContext("2d");
  c.drawImage(image.picture, 0, 0, wide, tall);
  if (!data.image_size || !$("overlay").checked) return;
  c.lineCap = "round";
  const t = data.thumbnails[index][0];
  for (const stream of data.streams) {
    if (!isSeen(stream, t)) continue;
    const i = before(stream.times, t), next = stream.times[i + 1] - t < t - stream.times[i] || i < 0 ? i + 1 : i;
    const points = [];
    for (let j = 0; j < stream.size; j++) {
      const [x, y] = stream.pixels.slice(2 * (next * stream.size + j), 2 * (next * stream.size + j) + 2);
      points.push(x === UNSEEN ? null : [(x * wide) / data.image_size[0], (y * tall) / data.image_size[1]]);
    }
    drawBones(c, stream, points, bodyColour(segmentAt(stream.track, t), true), tall / 110);
  }
}
