// Where the page lies in a picture that shows a desk or the rim of a scan, as preprocessing/_desk.py says.

// [top, left, bottom, right] of the page in a thumbnail; all of it without a desk.
function findPage(thumbnail) {
  const { h, w } = thumbnail;
  if (Math.min(h, w) < 48) return [0, 0, h, w];
  // Each edge in turn is made the upper one.
  const views = [
    (y, x) => y * w + x,
    (y, x) => (h - 1 - y) * w + x,
    (y, x) => x * w + y,
    (y, x) => x * w + w - 1 - y,
  ].map((index, edge) => ({ d: thumbnail.d, index, ...(edge < 2 ? { h, w } : { h: w, w: h }) }));
  const depths = views.map((view) => (isStepped(view) ? measureDepth(view) : null));
  let cuts = depths.map((depth, edge) => {
    const corner = Math.trunc(0.15 * views[edge].w);
    return cutOff(depth, corner, corner);
  });
  if (cuts.some(Boolean)) {
    const beside = cuts.map((cut) => (cut ? cut + 4 : 0));
    cuts = depths.map((depth, edge) => (cuts[edge] ? cutOff(depth, ...(edge < 2 ? beside.slice(2) : beside.slice(0, 2))) : 0));
  }
  return [cuts[0], cuts[2], h - cuts[1], w - cuts[3]];
}

// Rows are read on demand: most pages show no desk.
const rowsOf = ({ w, d, index }, top, bottom) =>
  Float32Array.from(range((bottom - top) * w, (i) => d[index(top + Math.floor(i / w), i % w)]));

// Whether the upper edge departs from the slope of what lies below the reach of a desk.
function isStepped(view) {
  const reach = Math.trunc(0.25 * view.h);
  const [edge, inner, next] = [0, reach, 2 * reach].map((y) => rowsOf(view, y, y + 1));
  return Math.abs(percentile(edge.map((x, i) => Math.fround(x - 2 * inner[i]) + next[i]), 50)) >= Math.fround(0.05);
}

// How far a desk reaches down from the upper edge in each column, or null without a sharp step.
function measureDepth(view) {
  const reach = Math.trunc(0.25 * view.h);
  const { w } = view;
  const d = rowsOf(view, 0, reach);
  const inner = rowsOf(view, reach, 2 * reach);
  const slope = (percentile(inner, 50) - percentile(rowsOf(view, 2 * reach, 3 * reach), 50)) / reach;
  const level = range(w, (x) => percentile(range(reach, (y) => inner[y * w + x]), 50));
  const paper = (y, x) => level[x] + slope * (1.5 * reach - y);
  const height = percentile(range(w, (x) => d[x] - paper(0, x)), 50);
  if (Math.abs(height) < 0.05) return null;
  const step = (y, x) => {
    let sum = 0; // over the grain of the desk
    for (let k = x - 4; k <= x + 4; k++) sum += d[y * w + clamp(k, 0, w - 1)];
    return (Math.fround(sum / 9) - paper(y, x)) / height;
  };
  const depth = range(w, (x) => {
    let y = 0;
    while (y < reach && step(y, x) > 0.5) y++;
    return y;
  });
  const drop = depth.map((y, x) => step(clamp(y - 3, 0, reach - 1), x) - step(clamp(y + 2, 0, reach - 1), x));
  return percentile(drop, 50) >= 0.6 ? depth : null;
}

// How many rows to cut off, with `left` and `right` columns disregarded; 0 without a desk.
function cutOff(depth, left, right) {
  if (!depth) return 0;
  const reach = depth.slice(left, depth.length - right);
  const third = Math.floor(reach.length / 3);
  const start = percentile(reach.slice(0, third), 50);
  const end = percentile(reach.slice(-third), 50);
  const line = reach.map((_, x) => start + ((end - start) * (x - third / 2)) / (reach.length - third));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  if (mean(line.map((y, x) => +(Math.abs(reach[x] - y) > 2))) > 0.12 || mean(line) < 0.5) return 0;
  return Math.ceil(Math.max(...line)) + 1;
}
