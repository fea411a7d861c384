// The ink of a page, as preprocessing/_ink.py finds it: the same steps, names and numbers.
// An image is {h, w, d}: height, width and numbers row by row. In a page they are bytes, or floats up to 1.

const image = (h, w, d = new Float32Array(h * w)) => ({ h, w, d });
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const rint = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const sorted = (values) => Float32Array.from(values).sort();
const at = (ordered, percent) => ordered[Math.trunc((percent / 100) * (ordered.length - 1))];
const percentile = (values, percent) => at(sorted(values), percent);

function cut({ h, w, d }, top, left, bottom, right) {
  bottom = Math.min(bottom, h);
  right = Math.min(right, w);
  const part = image(bottom - top, right - left, new d.constructor((bottom - top) * (right - left)));
  for (let y = top; y < bottom; y++) part.d.set(d.subarray(y * w + left, y * w + right), (y - top) * part.w);
  return part;
}

// Averages of squares of f * f pixels, from 0 to 1; past the end the last row or column goes on.
function reduce({ h, w, d }, f) {
  const small = image(Math.ceil(h / f), Math.ceil(w / f));
  const scale = f * f * (d.BYTES_PER_ELEMENT === 1 ? 255 : 1);
  const sums = new Float64Array(small.w);
  for (let y = 0; y < small.h; y++) {
    sums.fill(0);
    for (let i = 0; i < f; i++) {
      const row = Math.min(y * f + i, h - 1) * w;
      for (let x = 0, from = 0; x < small.w; x++) {
        let sum = 0;
        for (let j = 0; j < f; j++, from++) sum += d[row + (from < w ? from : w - 1)];
        sums[x] += sum;
      }
    }
    for (let x = 0; x < small.w; x++) small.d[y * small.w + x] = sums[x] / scale;
  }
  return small;
}

// ---- Paper ----

// The pixels of each block of side * side, in order.
function sortedBlocks({ h, w, d }, side) {
  const blocks = { h: Math.ceil(h / side), w: Math.ceil(w / side), d: [] };
  for (let i = 0; i < blocks.h * blocks.w; i++) {
    const top = Math.floor(i / blocks.w) * side;
    const left = (i % blocks.w) * side;
    const block = new Float32Array(side * side);
    for (let k = 0; k < block.length; k++) {
      const y = Math.min(top + Math.floor(k / side), h - 1);
      block[k] = d[y * w + Math.min(left + (k % side), w - 1)];
    }
    blocks.d.push(block.sort());
  }
  return blocks;
}

// Brightness around its local median is skewed towards ink, which covers less than paper does.
function findPolarity({ h, w, d }) {
  const n = d[0].length;
  const medians = d.map((block) => Math.fround((block[(n - 1) >> 1] + block[n >> 1]) / 2));
  const window = new Float32Array(49);
  let skew = 0;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      for (let k = 0; k < 49; k++) {
        const row = clamp(y + Math.floor(k / 7) - 3, 0, h - 1);
        window[k] = medians[row * w + clamp(x + (k % 7) - 3, 0, w - 1)];
      }
      const paper = window.slice().sort()[24];
      for (const value of d[y * w + x]) skew += Math.fround(value - paper) ** 3;
    }
  }
  return skew > 0 ? "light" : "dark";
}

// A low percentile of each block, opened by 5 * 5 blocks: what is narrower is not paper.
function estimatePaper(blocks) {
  const paper = image(blocks.h, blocks.w, Float32Array.from(blocks.d, (block) => at(block, 30)));
  if (Math.max(paper.h, paper.w) < 5) return image(paper.h, paper.w, paper.d.fill(Math.min(...paper.d)));
  let rows = range(paper.h, (y) => paper.d.subarray(y * paper.w, (y + 1) * paper.w));
  for (let axis = 0; axis < 2; axis++) rows = transpose(rows.map((row) => range(row.length + 8, (x) => continued(row, x - 4))));
  for (const extreme of [Math.min, Math.max]) {
    for (let axis = 0; axis < 2; axis++) {
      rows = transpose(rows.map((row) => range(row.length - 4, (x) => extreme(...row.slice(x, x + 5)))));
    }
  }
  return image(paper.h, paper.w, Float32Array.from(rows.flat()));
}

const transpose = (rows) => range(rows[0].length, (x) => rows.map((row) => row[x]));

// A row goes on past its ends along its slope.
function continued(row, x) {
  const last = row.length - 1;
  if (!last) return row[0];
  if (x < 0) return 2 * row[0] - continued(row, -x);
  return x > last ? 2 * row[last] - continued(row, 2 * last - x) : row[x];
}

// For each of `length` pixels: the block before it, the one after it, and the weight of the latter.
const interpolation = (blocks, length, side) =>
  range(length, (i) => {
    const position = (i + 0.5) / side - 0.5;
    const before = clamp(Math.trunc(position), 0, Math.max(blocks - 2, 0));
    return { before, after: Math.min(before + 1, blocks - 1), weight: position - before };
  });

// How far pixels are from paper, about 0, towards the brightest possible ink, 1. The page may be `dark` on
// paper that is not.
function subtractPaper(page, paper, side, dark) {
  const contrast = image(page.h, page.w);
  const columns = interpolation(paper.w, page.w, side);
  const wide = image(paper.h, page.w);
  for (let y = 0; y < paper.h; y++) {
    columns.forEach(({ before, after, weight }, x) => {
      const start = paper.d[y * paper.w + before];
      wide.d[y * page.w + x] = start + weight * (paper.d[y * paper.w + after] - start);
    });
  }
  interpolation(paper.h, page.h, side).forEach(({ before, after, weight }, y) => {
    const [from, step, end] = [before * page.w, (after - before) * page.w, (y + 1) * page.w];
    for (let i = y * page.w, k = from; i < end; i++, k++) {
      const here = wide.d[k] + weight * (wide.d[k + step] - wide.d[k]);
      const pixel = dark ? Math.fround(1 - page.d[i]) : page.d[i];
      contrast.d[i] = (pixel - here) / (here < 0.8 ? 1 - here : 0.2);
    }
  });
  return contrast;
}

// Level and noise of paper, from the lower half of the pixels.
function measurePaper({ d }) {
  if (d.length < 64) return [0, 1e-7];
  const ordered = sorted(d);
  const level = at(ordered, 40);
  return [level, Math.max((level - at(ordered, 10)) / 1.03, 0.002)];
}

// ---- Strokes ----

// The pixels of a thumbnail that are ink beyond doubt, as indices.
function findStrokes({ d }, level, noise) {
  const strokes = [];
  const heights = [];
  const least = Math.fround(5 * noise);
  for (let i = 0; i < d.length; i++) {
    const height = Math.fround(d[i] - level);
    if (height > least) strokes.push(i), heights.push(height);
  }
  const high = strokes.length && Math.fround(0.12 * percentile(heights, 90));
  return strokes.filter((_, k) => heights[k] > high);
}

// [top, left, bottom, right] of strokes. Dust and shadows at the edges do not count, unless all is such.
function findBox(strokes, { h, w }) {
  const side = Math.ceil(Math.max(h, w) / 32);
  const cell = (i) => Math.floor(Math.floor(i / w) / side) * 32 + Math.floor((i % w) / side);
  const counts = new Float32Array(1024);
  for (const i of strokes) counts[cell(i)]++;
  const [rows, columns] = [Math.ceil(h / side), Math.ceil(w / side)];
  const kept = touchingCells(counts).filter((group) => {
    const inside = group.some((c) => Math.min(c >> 5, c & 31) >= 2 && c >> 5 < rows - 2 && (c & 31) < columns - 2);
    return inside && group.reduce((sum, c) => sum + counts[c], 0) >= 0.02 * strokes.length;
  });
  const cells = new Set(kept.flat());
  const pixels = kept.length ? strokes.filter((i) => cells.has(cell(i))) : strokes;
  const box = [h, w, 0, 0];
  for (const i of pixels) {
    const [y, x] = [Math.floor(i / w), i % w];
    box[0] = Math.min(box[0], y);
    box[1] = Math.min(box[1], x);
    box[2] = Math.max(box[2], y + 1);
    box[3] = Math.max(box[3], x + 1);
  }
  return box;
}

// Groups of cells that hold something and touch, by a corner too.
function touchingCells(counts) {
  const seen = new Set();
  const groups = [];
  for (let start = 0; start < 1024; start++) {
    if (!counts[start] || seen.has(start)) continue;
    seen.add(start);
    const group = [start];
    for (const c of group) {
      for (let y = Math.max((c >> 5) - 1, 0); y <= Math.min((c >> 5) + 1, 31); y++) {
        for (let x = Math.max((c & 31) - 1, 0); x <= Math.min((c & 31) + 1, 31); x++) {
          const other = y * 32 + x;
          if (counts[other] && !seen.has(other)) group.push(other), seen.add(other);
        }
      }
    }
    groups.push(group);
  }
  return groups;
}

// ---- The window shown ----

// The part of the page to show, in which the box is central, and the scale to show it at.
function fitWindow([top, left, bottom, right], { h, w }, margin) {
  const inner = (side) => Math.max(side - 2 * rint(margin * side), 1);
  const scale = Math.min(inner(h) / (bottom - top), inner(w) / (right - left));
  const [y, x, tall, wide] = [(top + bottom) / 2, (left + right) / 2, h / scale / 2, w / scale / 2];
  return [[y - tall, x - wide, y + tall, x + wide], scale];
}

function bicubic(x) {
  x = Math.abs(x);
  return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
}

// For each of n pixels, the first that it is made of, and their weights; as Pillow resizes from a to b.
function resampling(size, n, a, b) {
  const scale = Math.fround(b - a) / n;
  const wide = Math.max(scale, 1);
  return range(n, (i) => {
    const center = a + (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - 2 * wide + 0.5), 0);
    const last = Math.min(Math.trunc(center + 2 * wide + 0.5), size);
    const weights = range(last - first, (k) => bicubic((k + first - center + 0.5) / wide));
    const sum = weights.reduce((x, y) => x + y, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

// A window, which may reach past the page, resized to h * w pixels. Paper is at `level`, and becomes 0.
function cutWindow({ h: height, w: width, d }, level, [top, left, bottom, right], { h, w }) {
  const [y0, x0] = [Math.floor(top), Math.floor(left)];
  const [tall, wide] = [Math.ceil(bottom) - y0, Math.ceil(right) - x0];
  const f = Math.fround;
  const columns = resampling(wide, w, f(left - x0), f(Math.min(right - x0, wide)));
  const rows = resampling(tall, h, f(top - y0), f(Math.min(bottom - y0, tall)));
  const across = image(tall, w);
  for (let y = Math.max(0, -y0); y < Math.min(tall, height - y0); y++) {
    const row = (y + y0) * width + x0;
    for (let x = 0; x < w; x++) {
      const { first, weights } = columns[x];
      const end = Math.min(weights.length, width - x0 - first);
      let sum = 0;
      for (let k = Math.max(0, -x0 - first); k < end; k++) sum += weights[k] * (d[row + first + k] - level);
      across.d[y * w + x] = sum;
    }
  }
  const result = image(h, w);
  for (let y = 0; y < h; y++) {
    const { first, weights } = rows[y];
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0, from = first * w + x; k < weights.length; k++, from += w) sum += weights[k] * across.d[from];
      result.d[y * w + x] = sum;
    }
  }
  return result;
}

// From 0 to 1, without the noise of paper and the ripples of resampling; null without ink.
function normalize({ h, w, d }) {
  const below = d.filter((x) => x < 0);
  const noise = below.length ? -1.5 * percentile(below, 50) : 0;
  const floor = Math.fround(Math.max(3.5 * noise, 0.05 * d.reduce((a, b) => Math.max(a, b))));
  const strokes = d.filter((x) => x > floor);
  if (!strokes.length) return null;
  const height = percentile(strokes, 90) - floor;
  return image(h, w, d.map((x) => clamp((x - floor) / height, 0, 1)));
}

// ---- All steps ----

// The ink of a page in images of several shapes, {h, w}; null for those without ink.
function drawInk(page, shapes, options) {
  const reduction = Math.ceil(Math.max(page.h, page.w) / 128);
  const thumbnail = reduce(page, reduction);
  const box = findPage(thumbnail);
  const inner = cut(thumbnail, ...box);
  let inks = shapes.map(() => null);
  if (inner.d.length < thumbnail.d.length) {
    const within = cut(page, ...box.map((x) => x * reduction));
    inks = drawPage(within, inner, reduction, shapes, options);
    if (inks.every(Boolean)) return inks;
  }
  return drawPage(page, thumbnail, reduction, shapes, options).map((ink, i) => inks[i] || ink);
}

function drawPage(page, thumbnail, reduction, shapes, { polarity, crop, margin }) {
  const side = Math.ceil(Math.max(thumbnail.h, thumbnail.w) / 16);
  const blocks = sortedBlocks(thumbnail, side);
  const dark = (polarity === "auto" ? findPolarity(blocks) : polarity) === "dark";
  if (dark) blocks.d = blocks.d.map((block) => block.map((x) => 1 - x).reverse());
  const paper = estimatePaper(blocks);
  const reduced = subtractPaper(thumbnail, paper, side, dark);
  const [level, noise] = measurePaper(reduced);
  const strokes = findStrokes(reduced, level, noise);
  if (!strokes.length) return shapes.map(() => null);
  const ends = [page.h, page.w, page.h, page.w];
  const box = crop ? findBox(strokes, thumbnail).map((x, i) => Math.min(x * reduction, ends[i])) : [0, 0, page.h, page.w];
  return shapes.map((shape) => {
    const [window, scale] = fitWindow(box, shape, crop ? margin : 0);
    const halfway = Math.max(1, Math.trunc(0.5 / scale));
    const contrast = halfway === reduction ? reduced : subtractPaper(reduce(page, halfway), paper, (side * reduction) / halfway, dark);
    return normalize(cutWindow(contrast, level, window.map((x) => x / halfway), shape));
  });
}
