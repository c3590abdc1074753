// The numbers of a run, bag by bag and together, and what happens on a click.
"use strict";

const body = skeletonOf(data.joint_set);
const WORST = 12;   // moments that are shown at first, and with every click on "more"
const KINDS = { mistaken: "another motion", missed: "missed boundary", false: "false boundary" };
const good = data.bags.filter((bag) => !bag.error);
const state = { sort: -1, down: true, kind: "", bag: "", more: WORST, chosen: "" };
const moments = good.flatMap((bag) => bag.moments.map((moment) => ({ bag, ...moment }))).sort((a, b) => b.weight - a.weight);

// ---- Words and colours ----------------------------------------------------------------------------------------

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const seconds = (t) => `${t.toFixed(2)} s`;
const labelName = (label) => (label < 0 ? "no label" : data.labels[label]);
function short(value) {
  if (value === null) return "–";
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(Math.abs(value) < 10 ? 3 : 1);
}
function motionName(bag, motion) {
  if (motion === null) return "nobody seen";
  const label = bag.named[motion];
  return (motion < 0 ? "idle" : `motion ${motion}`) + (label === undefined ? "" : ` (${labelName(label)})`);
}
function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const words = (x, y, text, more = {}) => svg("text", { x, y, ...more }, text);
const line = (x1, y1, x2, y2, name) => svg("line", { x1, y1, x2, y2, class: name });

// ---- Means ----------------------------------------------------------------------------------------------------

function meanCard(metric, number) {
  const values = good.map((bag) => bag.values[number]).filter((value) => value !== null);
  const low = metric.share ? 0 : Math.min(0, ...values), high = metric.share ? 1 : Math.max(...values) || 1;
  const x = (value) => 6 + (188 * (value - low)) / (high - low);
  const plot = svg("svg", { viewBox: "0 0 200 30", role: "img", "aria-label": `${metric.head} of ${plural(values.length, "bag")}` }, line(6, 14, 194, 14, "axis"));
  for (const bag of good) {
    const value = bag.values[number];
    if (value !== null) plot.append(svg("circle", { cx: x(value), cy: 14, r: 4, class: "dot" }, svg("title", {}, `${bag.name}: ${short(value)}`)));
  }
  if (metric.low !== null) plot.append(line(x(metric.low), 14, x(metric.high), 14, "span"));
  plot.append(svg("path", { d: `M${x(metric.mean)} 7l4 7l-4 7l-4 -7z`, class: "mean" }), words(6, 29, short(low), { class: "soft" }), words(194, 29, short(high), { class: "soft", "text-anchor": "end" }));
  const range = metric.low === null ? "" : `${short(metric.low)} – ${short(metric.high)}`;
  return element("figure", { title: metric.meaning },
    element("figcaption", {}, element("span", { className: "head", textContent: metric.head }), element("b", { textContent: short(metric.mean) }), element("span", { className: "range", textContent: range })), plot);
}

function fillMeans() {
  const shown = data.metrics.map((metric, number) => [metric, number]).filter(([metric]) => metric.better && metric.bags);
  $("mean-cards").replaceChildren(...shown.map(([metric, number]) => meanCard(metric, number)));
  $("means-note").textContent = "a dot is a bag, the diamond their mean, the bar its interval";
}

// ---- The table ------------------------------------------------------------------------------------------------

const stageHeads = data.stages.filter((stage) => good.some((bag) => bag.stages[stage])).flatMap((stage) => [[stage, "p50_ms", `${stage} ms`], [stage, "p99_ms", "p99"]]);
const heads = [...data.metrics.map((metric) => [metric.head, metric.meaning]), ...stageHeads.map(([stage, key, head]) => [head, `milliseconds a frame in ${stage}, ${key === "p50_ms" ? "median" : "99th percentile"}`])];
const valuesOf = (bag) => [...bag.values, ...stageHeads.map(([stage, key]) => (bag.stages[stage] ? bag.stages[stage][key] : null))];

function fillTable() {
  const button = (text, column, title = "") => {
    const node = element("button", { type: "button", textContent: text, title });
    node.addEventListener("click", () => { state.down = state.sort === column ? !state.down : true; state.sort = column; fillTable(); });
    const head = element("th", { scope: "col" }, node);
    head.ariaSort = state.sort === column ? (state.down ? "descending" : "ascending") : "none";
    return head;
  };
  $("table").tHead.replaceChildren(element("tr", {}, button("Bag", -1, "in the order in which they were named"), ...heads.map(([head, meaning], i) => button(head, i, meaning))));
  const rows = data.bags.map((bag) => [bag, bag.error ? [] : valuesOf(bag)]);
  const key = ([, values]) => values[state.sort] ?? -Infinity;
  if (state.sort >= 0) rows.sort((a, b) => key(b) - key(a));
  if (!state.down) rows.reverse();
  $("table").tBodies[0].replaceChildren(...rows.map(([bag, values]) => {
    const name = element("th", { scope: "row", title: [bag.name, ...bag.notes].join("\n") }, element("bdi", { textContent: bag.name }));
    return bag.error ? element("tr", {}, name, element("td", { className: "failed", colSpan: heads.length, textContent: bag.error }))
      : element("tr", {}, name, ...values.map((value) => element("td", { textContent: short(value) })));
  }));
  const foot = (name, pick) => element("tr", {}, element("th", { scope: "row", textContent: name }), ...data.metrics.map((metric) => element("td", { textContent: pick(metric) })), ...stageHeads.map(() => element("td")));
  $("table").tFoot.replaceChildren(
    foot("mean", (m) => short(m.mean)),
    foot("interval", (m) => (m.low === null ? "" : `${short(m.low)} – ${short(m.high)}`)));
}

// ---- Worst moments --------------------------------------------------------------------------------------------

function describe(moment) {
  const said = ([motion, phrase, sure]) => motionName(moment.bag, motion) + (phrase ? `, “${phrase}”` : "") + (motion === null ? "" : `, confidence ${sure.toFixed(2)}`);
  const [before, now] = moment.truth;
  if (moment.kind === "mistaken") return [`true: ${labelName(now)}`, `found: ${said(moment.found[1])}`];
  if (moment.kind === "missed") return [`true: ${labelName(before)} → ${labelName(now)}`, `found: ${said(moment.found[1])}, without a boundary within 0.5 s`];
  return [`true: ${labelName(now)}${now === before ? "" : ` after ${labelName(before)}`}`, `found: ${motionName(moment.bag, moment.found[0][0])} → ${said(moment.found[1])}, boundary ${moment.found[1][3].toFixed(2)}`];
}

function momentCard(moment) {
  const { bag, kind } = moment, when = kind === "mistaken" ? `${seconds(moment.start)} – ${seconds(moment.end)}` : seconds(moment.start);
  const there = element("button", { type: "button", textContent: when, title: "show it in the timeline" });
  there.addEventListener("click", () => choose(bag.name));
  const card = element("article", {}, element("h3", {}, element("bdi", { textContent: bag.name, title: bag.name }), there),
    element("p", { className: "kind", textContent: `${KINDS[kind]}${moment.track ? `, track ${moment.track}` : ""}` }), ...describe(moment).map((text) => element("p", { textContent: text, dir: "auto" })));
  if (moment.figures.length) {
    const canvas = element("canvas", { ariaLabel: "Poses in order of time", role: "img" });
    canvas.figures = moment.figures;
    card.append(canvas);
  } else {
    card.append(element("div", { className: "none", textContent: "no skeleton here" }));
  }
  if (moment.image) card.append(element("img", { src: `data:image/jpeg;base64,${moment.image}`, alt: "The picture nearest in time" }));
  return card;
}

function fillMoments() {
  const all = moments.filter((m) => (!state.kind || m.kind === state.kind) && (!state.bag || m.bag.name === state.bag));
  $("moments").replaceChildren(...all.slice(0, state.more).map(momentCard));
  $("worst-count").textContent = all.length ? `${Math.min(state.more, all.length)} of ${all.length}` : "none";
  $("more").hidden = all.length <= state.more;
  drawFigures();
}

function drawFigures() {
  for (const canvas of $("moments").querySelectorAll("canvas")) {
    const { c, width, height } = begin(canvas), wide = width / canvas.figures.length;
    const all = canvas.figures.flat().filter(Boolean), ys = all.map((p) => p[1]);
    const low = Math.min(...ys), scale = (height - 26) / Math.max(Math.max(...ys) - low, 120);
    c.lineCap = "round";
    canvas.figures.forEach((figure, i) => {
      const seen = figure.filter(Boolean).map((p) => p[0]).sort((a, b) => a - b), middle = seen[seen.length >> 1];
      const points = figure.map((p) => p && [wide * (i + 0.5) + (p[0] - middle) * scale, height - 8 - (p[1] - low) * scale]);
      drawBones(c, body, points, theme.ink, Math.max(1.6, scale * 3), scale * 9);
    });
  }
}

// ---- Timelines ------------------------------------------------------------------------------------------------

const ROW = 20, AXIS = 16, MARK = 8;
const timelines = good.map((bag) => {
  const canvas = element("canvas", { role: "img", ariaLabel: `Timeline of ${bag.name}` });
  canvas.height = 1;
  const acc = bag.values[0];
  const section = element("section", { className: "timeline" }, element("h3", {}, element("bdi", { textContent: bag.name }), element("span", { textContent: acc === null ? "no labels" : `ACC ${short(acc)}` })), element("div", {}, canvas));
  return { bag, canvas, section };
});

function heightOf(bag) {
  return AXIS + MARK + bag.lines.reduce((sum, row) => sum + (row.truth.length ? 2 : 1) * (ROW + 2) + 6, 0);
}

function rowsOf(bag) {
  const rows = [];
  let y = AXIS + MARK;
  for (const row of bag.lines) {
    if (row.truth.length) { rows.push({ y, track: row.track, spans: row.truth, truth: true }); y += ROW + 2; }
    rows.push({ y, track: row.track, spans: row.found, truth: false });
    y += ROW + 8;
  }
  return rows;
}

function drawTimeline({ bag, canvas }) {
  const room = canvas.parentNode.clientWidth, wide = Math.max(room, Math.min(8000, bag.duration * 5));
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${heightOf(bag)}px`;
  const { c, width, height } = begin(canvas), x = (t) => (t / Math.max(bag.duration, 1e-3)) * (width - 2) + 1;
  const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((s) => x(s) - 1 > 56) || 1200;
  for (let t = 0; t <= bag.duration; t += step) {
    c.fillStyle = theme.grid;
    c.fillRect(x(t), AXIS, 1, height - AXIS);
    c.fillStyle = theme.soft;
    c.fillText(`${t} s`, x(t) + 3, 8);
  }
  for (const row of rowsOf(bag)) {
    c.fillStyle = theme.seen;
    c.fillRect(0, row.y, width, ROW);
    for (const span of row.spans) drawSpan(c, x(span[0]), Math.max(1, x(span[1]) - x(span[0])), row.y, lookOf(bag, row, span));
  }
  c.fillStyle = theme.cursor;
  for (const moment of bag.moments) {
    const from = x(moment.start), to = Math.max(from + 2, x(moment.end));
    c.fillRect(from, AXIS + 1, to - from, moment.kind === "mistaken" ? 3 : 5);
  }
}

/** Fill, ink and words of a span: [start, end, label] of the truth or [start, end, motion, phrase, …] of what was found. */
function lookOf(bag, row, span) {
  if (row.truth) return { ...colours(span[2]), text: labelName(span[2]) };
  const label = bag.named[span[2]];
  const look = label !== undefined ? colours(label) : span[2] < 0 ? { fill: theme.hatch, edge: theme["idle-line"], ink: theme.ink } : { fill: theme.panel, edge: theme.soft, ink: theme.ink };
  return { ...look, text: [span[2] < 0 ? "idle" : span[2], span[3]].filter((part) => part !== "").join(" ") };
}

function drawSpan(c, x, w, y, look) {
  c.fillStyle = look.fill;
  c.fillRect(x, y, w, ROW);
  c.strokeStyle = look.edge;
  if (w > 3) c.strokeRect(x + 0.5, y + 0.5, w - 1, ROW - 1);
  if (w < 16) return;
  c.fillStyle = look.ink;
  c.fillText(fit(c, String(look.text), w - 8), x + 4, y + ROW / 2 + 0.5);
}

function tell(event, { bag, canvas }) {
  const box = canvas.getBoundingClientRect(), t = ((event.clientX - box.left) / box.width) * bag.duration, y = event.clientY - box.top;
  const row = rowsOf(bag).find((r) => y >= r.y && y < r.y + ROW), span = row && row.spans.find((s) => t >= s[0] && t <= s[1]);
  $("tip").hidden = !span;
  if (!span) return;
  const said = row.truth ? [`true: ${labelName(span[2])}`] : [`found: ${motionName(bag, span[2])}`, span[3] && `“${span[3]}”`, `confidence ${span[4].toFixed(2)}, boundary ${span[5].toFixed(2)}`];
  $("tip").textContent = [...said, `${seconds(span[0])} – ${seconds(span[1])}`, row.track && `track ${row.track}`].filter(Boolean).join("\n");
  const panel = $("timelines").getBoundingClientRect();
  $("tip").style.left = `${Math.min(event.clientX - panel.left + 12, panel.width - 200)}px`;
  $("tip").style.top = `${event.clientY - panel.top + 16}px`;
}

function choose(name) {
  for (const { bag, section } of timelines) {
    section.classList.toggle("chosen", bag.name === name);
    if (bag.name === name) section.scrollIntoView({ block: "center" });
  }
}

function fillTimelines() {
  $("rows").replaceChildren(...timelines.map(({ section }) => section));
  const swatch = (name, className, colour) => {
    const box = element("i", { className });
    if (colour) box.style.background = colour;
    return element("span", {}, box, element("bdi", { textContent: name }));
  };
  $("legend").replaceChildren(...data.labels.map((name, i) => swatch(name, "", colours(i).fill)), swatch("idle", "idle"), swatch("a motion that is no label's", "other"));
  for (const timeline of timelines) {
    timeline.canvas.addEventListener("pointermove", (event) => tell(event, timeline));
    timeline.canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  }
}

// ---- Confusion ------------------------------------------------------------------------------------------------

/** [rows, columns, counts] of one bag, motion by label, or of all bags, label by the label of the motion that was found. */
function confusionOf(name) {
  const bags = good.filter((bag) => bag.confusion);
  if (name) {
    const bag = bags.find((b) => b.name === name);
    return [bag.confusion.motions.map((motion) => motionName(bag, motion)), bag.labels.map(labelName), bag.confusion.counts];
  }
  const columns = [...data.labels, "another motion", "nobody seen"], counts = data.labels.map(() => columns.map(() => 0));
  for (const bag of bags) {
    bag.confusion.motions.forEach((motion, i) => {
      const named = motion === null ? undefined : bag.named[motion];
      const column = motion === null ? columns.length - 1 : named === undefined ? columns.length - 2 : named;
      bag.confusion.counts[i].forEach((n, j) => { counts[bag.labels[j]][column] += n; });
    });
  }
  return [data.labels, columns, counts];
}

function fillConfusion() {
  const name = $("confusion-bag").value, [rows, columns, counts] = confusionOf(name);
  $("confusion-note").textContent = name ? "frames of each motion that was found, by what is true; percentages of the row" : "frames of each label, by the label that the found motion matches best; percentages of the row";
  const cell = (n, total) => {
    const share = total ? n / total : 0, node = element("td", { textContent: share >= 0.005 ? Math.round(100 * share) : "", title: plural(n, "frame") });
    node.style.background = `color-mix(in srgb, var(--accent) ${Math.round(70 * share)}%, transparent)`;
    return node;
  };
  $("matrix").replaceChildren(
    element("thead", {}, element("tr", {}, element("th"), ...columns.map((text) => element("th", { scope: "col", title: text }, element("bdi", { textContent: text }))))),
    element("tbody", {}, ...rows.map((text, i) => {
      const total = counts[i].reduce((sum, n) => sum + n, 0);
      return element("tr", {}, element("th", { scope: "row", title: text }, element("bdi", { textContent: text })), ...counts[i].map((n) => cell(n, total)));
    })));
}

// ---- Times ----------------------------------------------------------------------------------------------------

function fillDelays() {
  const all = good.flatMap((bag) => bag.delays).sort((a, b) => a - b);
  if (!all.length) return $("delays").replaceChildren(element("p", { className: "soft", textContent: "no boundary was found, or there are no labels" }));
  const STEP = 0.2, first = Math.floor(all[0] / STEP), bins = Array(Math.floor(all[all.length - 1] / STEP) - first + 1).fill(0);
  for (const delay of all) bins[Math.floor(delay / STEP) - first]++;
  const most = Math.max(...bins), wide = 380 / bins.length, x = (t) => 10 + (t / STEP - first) * wide;
  const plot = svg("svg", { viewBox: "0 0 400 150", role: "img", "aria-label": "Histogram of delays" });
  bins.forEach((n, i) => plot.append(svg("rect", { x: 10 + i * wide + 0.5, y: 120 - (100 * n) / most, width: Math.max(0.5, wide - 1), height: (100 * n) / most, class: "bar1" }, svg("title", {}, `${((first + i) * STEP).toFixed(1)} to ${((first + i + 1) * STEP).toFixed(1)} s: ${n}`))));
  const half = all.length >> 1, median = all.length % 2 ? all[half] : (all[half - 1] + all[half]) / 2;
  plot.append(line(10, 120, 390, 120, "axis"), line(x(median), 14, x(median), 120, "middle"), words(Math.min(x(median) + 4, 300), 22, `median ${seconds(median)}`));
  const every = Math.ceil(bins.length / 10);
  for (let i = 0; i <= bins.length; i += every) plot.append(words(10 + i * wide, 136, ((first + i) * STEP).toFixed(1), { class: "soft", "text-anchor": "middle" }));
  plot.append(words(390, 148, `seconds; ${plural(all.length, "boundary").replace("boundarys", "boundaries")}`, { class: "soft", "text-anchor": "end" }));
  return $("delays").replaceChildren(plot);
}

function fillStages() {
  const middle = (stage, key) => { const all = good.filter((bag) => bag.stages[stage]).map((bag) => bag.stages[stage][key]).sort((a, b) => a - b); return all.length ? all[all.length >> 1] : null; };
  const rows = data.stages.map((stage) => [stage, middle(stage, "p50_ms"), middle(stage, "p99_ms")]).filter((row) => row[1] !== null);
  if (!rows.length) return $("stages").replaceChildren(element("p", { className: "soft", textContent: "not measured" }));
  const most = Math.max(...rows.map((row) => row[2])), plot = svg("svg", { viewBox: `0 0 400 ${rows.length * 34 + 4}`, role: "img", "aria-label": "Milliseconds by stage" });
  rows.forEach(([stage, p50, p99], i) => {
    const y = 6 + i * 34, w = (ms) => Math.max(1, (190 * ms) / most);
    plot.append(words(0, y + 16, stage), svg("rect", { x: 80, y, width: w(p99), height: 22, class: "bar2" }), svg("rect", { x: 80, y, width: w(p50), height: 22, class: "bar1" }), words(86 + w(p99), y + 16, `${short(p50)} / ${short(p99)} ms`, { class: "soft" }));
  });
  return $("stages").replaceChildren(plot);
}

// ---- The page -------------------------------------------------------------------------------------------------

function redraw() {
  drawFigures();
  for (const timeline of timelines) drawTimeline(timeline);
}

function themeChanged() {
  readTheme();
  redraw();
}

function options(id, names, all) {
  $(id).replaceChildren(element("option", { value: "", textContent: all }), ...names.map((name) => element("option", { value: name, textContent: name })));
}

function start() {
  $("facts").replaceChildren(...data.facts.map(([name, value]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value, dir: "auto" }))));
  $("remarks").replaceChildren(...data.notes.map((note) => element("li", { textContent: note })));
  $("main").hidden = false;
  const labelled = good.filter((bag) => bag.confusion).map((bag) => bag.name);
  $("worst").hidden = $("confusion").hidden = !labelled.length;
  $("means").hidden = $("timelines").hidden = !good.length;
  options("worst-bag", labelled, "all");
  options("confusion-bag", labelled, "all");
  for (const [id, key] of [["kind", "kind"], ["worst-bag", "bag"]]) {
    $(id).addEventListener("change", () => { state[key] = $(id).value; state.more = WORST; fillMoments(); });
  }
  $("more").addEventListener("click", () => { state.more += WORST; fillMoments(); });
  $("confusion-bag").addEventListener("change", fillConfusion);
  $("theme").addEventListener("click", () => { document.documentElement.dataset.theme = theme.dark ? "light" : "dark"; themeChanged(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  addEventListener("resize", redraw);
  const noted = data.bags.flatMap((bag) => bag.notes.map((note) => `${bag.name}: ${note}`));
  $("notes").replaceChildren(...noted.map((note) => element("p", { textContent: note, dir: "auto" })));
  readTheme();
  fillMeans();
  fillTable();
  fillTimelines();
  if (labelled.length) fillConfusion();
  fillDelays();
  fillStages();
  fillMoments();
  themeChanged();
}

start();
