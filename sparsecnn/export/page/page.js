// What happens on the page. MODEL is written by _html.py.

const find = (id) => document.getElementById(id);
const { shape, classes } = MODEL;
const MOST_BARS = 10;

// ---- The answer ----

const made = {};
const networks = (dense) => (made[dense] ||= MODEL.networks.map((network) => makeNetwork(network, dense)));
const times = { ink: [], true: [], false: [] };

// Run something and keep how long it took, of the last runs.
function timed(list, run) {
  const start = performance.now();
  const result = run();
  list.push(performance.now() - start);
  if (list.length > 30) list.shift();
  return result;
}
const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;

// Views, pixels and probabilities of a page; nothing if it is blank.
function answer(page) {
  const views = timed(times.ink, () => drawViews(page));
  if (!views) return {};
  const pixels = pixelsOf(views);
  return { views, pixels, probabilities: meanOf(scoresOf(pixels, find("dense").checked).map(softmax)) };
}

// The scores of each network.
const scoresOf = (pixels, dense) => timed(times[dense], () => networks(dense).map((network) => network(pixels)));

// ---- The drawing ----

// Steps are strokes, lists of points in units of the paper's width; pictures, as readPicture returns them;
// or null, which clears the paper. What is seen are the strokes after the last of the others.
let steps = [];
let stroke = null;
const aspect = clamp(shape.w / shape.h, 0.6, 3);
const longest = Math.max(MODEL.side, 2 * shape.h, 2 * shape.w);
const paper = canvasOf(...[aspect, 1].map((x) => Math.round((longest * x) / Math.max(aspect, 1))));
const shown = find("drawing");
const [inkColour, paperColour] = MODEL.polarity === "light" ? ["#fff", "#000"] : ["#1b2430", "#fff"];

const picture = () => (steps.length && steps[steps.length - 1]?.bitmap ? steps[steps.length - 1] : null);
const strokes = () => steps.slice(steps.findLastIndex((step) => !Array.isArray(step)) + 1);
const pageNow = () => picture()?.page || grayPage(contextOf(paper).getImageData(0, 0, paper.width, paper.height));

function blank(canvas) {
  const context = contextOf(canvas);
  context.fillStyle = paperColour;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

// Draw a stroke, or its last points only.
function drawStroke(points, from = 0) {
  for (const canvas of [paper, shown]) {
    const context = contextOf(canvas);
    Object.assign(context, { lineWidth: canvas.width / 100 / Math.max(1, aspect), lineCap: "round", lineJoin: "round", strokeStyle: inkColour });
    context.beginPath();
    for (const [x, y] of points.slice(Math.max(from - 1, 0))) context.lineTo(x * canvas.width, y * canvas.width);
    context.stroke();
  }
}

function redraw() {
  blank(paper);
  blank(shown);
  strokes().forEach((points) => drawStroke(points));
  const bitmap = picture()?.bitmap;
  if (bitmap) {
    const scale = Math.min(shown.width / bitmap.width, shown.height / bitmap.height);
    const [w, h] = [bitmap.width * scale, bitmap.height * scale];
    contextOf(shown).drawImage(bitmap, (shown.width - w) / 2, (shown.height - h) / 2, w, h);
  }
  show();
}

function fit() {
  shown.width = Math.round(shown.clientWidth * devicePixelRatio);
  shown.height = Math.round(shown.width / aspect);
  redraw();
}

// ---- What is shown ----

let waiting = false;
let latest = {};
function showSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
}

function show() {
  const empty = !picture() && !strokes().length;
  latest = empty ? {} : answer(pageNow());
  find("hint").hidden = !empty;
  find("undo").disabled = !steps.length;
  find("clear").disabled = empty;
  const { probabilities, views } = latest;
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  find("answer").textContent = probabilities ? classes[best] : empty ? "Nothing drawn yet" : "No ink found";
  find("target").textContent = probabilities ? `“${classes[best]}”` : "the answer";
  showBars(probabilities, best);
  document.querySelectorAll(".seen").forEach((canvas, k) => paint(canvas, (i) => [255, 255, 255, views ? 255 * views[k].d[i] : 0]));
  showTimes();
  explainSoon(best);
}

const percent = (share) => (share > 0.999 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`);

// One bar for each class; the most probable ones, in order, where there are many.
function showBars(probabilities = [], best) {
  const order = classes.map((_, i) => i);
  if (classes.length > MOST_BARS) order.sort((a, b) => probabilities[b] - probabilities[a]);
  [...find("bars").children].forEach((row, k) => {
    const share = probabilities[order[k]];
    const [name, number, bar] = row.children;
    row.className = order[k] === best ? "best" : "";
    name.textContent = classes[order[k]];
    number.textContent = share === undefined ? "–" : percent(share);
    bar.firstChild.style.width = `${100 * (share || 0)}%`;
  });
}

function makeBars() {
  for (let k = 0; k < Math.min(classes.length, MOST_BARS); k++) {
    const row = find("bars").appendChild(document.createElement("li"));
    for (const part of ["name", "percent", "bar"]) row.appendChild(document.createElement("span")).className = part;
    row.lastChild.appendChild(document.createElement("i"));
    row.lastChild.ariaHidden = "true";
  }
}

function paint(canvas, colour) {
  [canvas.width, canvas.height] = [shape.w, shape.h];
  const data = new ImageData(shape.w, shape.h);
  for (let i = 0; i < shape.h * shape.w; i++) data.data.set(colour(i), 4 * i);
  canvas.getContext("2d").putImageData(data, 0, 0);
}

const milliseconds = (list) => `${mean(list).toFixed(mean(list) < 1 ? 2 : 1)} ms`;

function showTimes() {
  const counts = [MODEL.nonzero, MODEL.total].map((n) => n.toLocaleString("en"));
  const n = MODEL.networks.length;
  find("weights").textContent = `${counts[0]} of ${counts[1]} weights${n > 1 ? ` of ${n} networks` : ""} are not zero: ${MODEL.kilobytes}.`;
  const parts = [];
  if (times.ink.length) parts.push(`Ink found in ${milliseconds(times.ink)}`);
  if (times.false.length) parts.push(`network${n > 1 ? "s" : ""} without zeros ${milliseconds(times.false)}`);
  if (times.true.length) parts.push(`with zeros ${milliseconds(times.true)}`);
  if (times.false.length && times.true.length) parts.push(`${(mean(times.true) / mean(times.false)).toFixed(0)} times as long`);
  find("time").textContent = parts.length ? `${parts.join(", ")}.` : "";
}

// ---- Reasons ----

const [FOR, AGAINST] = [[78, 165, 245], [255, 157, 61]];
let explaining = 0;

// A map for each network, one network after the other; their mean.
function* explain(pixels, target) {
  const maps = [];
  for (const network of networks(false)) maps.push(yield* occlusion(network, pixels, shape, target));
  return meanOf(maps);
}

function explainSoon(best) {
  clearTimeout(explaining);
  const { views, pixels } = latest;
  if (!views || stroke) return showReasons(views, null);
  const work = explain(pixels, best);
  const go = () => {
    const until = performance.now() + 8;
    let step;
    do step = work.next();
    while (!step.done && performance.now() < until);
    if (step.done) showReasons(views, (latest.reasons = step.value));
    else explaining = setTimeout(go);
  };
  explaining = setTimeout(go, 50);
}

// Ink is gray where it does not matter, and takes the colour of what it speaks for.
function showReasons(views, reasons) {
  const largest = reasons ? reasons.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9) : 1;
  paint(find("reasons"), (i) => {
    const weight = reasons ? reasons[i] / largest : 0;
    const colour = weight > 0 ? FOR : AGAINST;
    const share = Math.min(1, 1.5 * Math.abs(weight));
    return [...colour.map((c) => share * c + (1 - share) * 120), views ? 255 * brightest(views, i) : 0];
  });
}

// ---- What the person does ----

// Say the answer to screen readers, once a stroke or a picture is complete.
function say() {
  const { probabilities } = latest;
  const best = probabilities && Math.max(...probabilities);
  find("status").textContent = probabilities ? `${classes[probabilities.indexOf(best)]}, ${percent(best)}` : find("answer").textContent;
}

function change(change) {
  change();
  find("error").textContent = "";
  redraw();
  say();
}

const pointOf = ({ offsetX, offsetY }) => [offsetX / shown.clientWidth, offsetY / shown.clientWidth];

shown.addEventListener("pointerdown", (event) => {
  if (stroke || event.button) return;
  event.preventDefault();
  shown.setPointerCapture(event.pointerId);
  find("error").textContent = "";
  if (picture()) steps.push(null), redraw();
  stroke = { id: event.pointerId, points: [pointOf(event), pointOf(event)] };
  steps.push(stroke.points);
  drawStroke(stroke.points);
  showSoon();
});

shown.addEventListener("pointermove", (event) => {
  if (event.pointerId !== stroke?.id) return;
  const from = stroke.points.length;
  const events = event.getCoalescedEvents?.() || [];
  stroke.points.push(...(events.length ? events : [event]).map(pointOf));
  drawStroke(stroke.points, from);
  showSoon();
});

for (const name of ["pointerup", "pointercancel"]) {
  shown.addEventListener(name, (event) => {
    if (event.pointerId !== stroke?.id) return;
    stroke = null;
    redraw(); // in one piece, as after undo
    say();
  });
}

find("undo").addEventListener("click", () => change(() => steps.pop()));
find("clear").addEventListener("click", () => change(() => steps.push(null)));
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && steps.length && !stroke) {
    event.preventDefault();
    change(() => steps.pop());
  }
});

async function take(files) {
  const file = [...files].find(({ type }) => type.startsWith("image/")) || files[0];
  if (!file) return;
  try {
    const step = await readPicture(file, 16 * Math.max(shape.h, shape.w));
    change(() => steps.push(step));
  } catch (error) {
    find("error").textContent = error.name === "Error" ? error.message : `This browser cannot read ${file.name || "this"} as a picture.`;
  }
}

find("file").addEventListener("change", ({ target }) => take(target.files).then(() => (target.value = "")));
addEventListener("paste", ({ clipboardData }) => take(clipboardData.files));
for (const name of ["dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    find("paper").classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer.files);
  });
}
find("dense").addEventListener("change", () => {
  const dense = find("dense").checked;
  if (latest.pixels) for (let k = 0; k < 10; k++) scoresOf(latest.pixels, dense);
  show();
});
addEventListener("resize", fit);

// ---- At the start ----

// A first answer, to a line that nobody sees, prepares the browser for the first stroke.
blank(paper);
drawStroke([[0.2, 0.3], [0.5, 0.2], [0.6, 0.3]]);
answer(pageNow());
Object.values(times).forEach((list) => (list.length = 0));
performance.mark("ready");
makeBars();
shown.style.aspectRatio = aspect;
fit();
