// What the networks see of a page: MODEL.views, as preprocessing/_views.py draws them. A view is "ink", or the
// scale of an image of unsteadiness.

// An image for each view, empty where only others have ink; null if the page is blank.
function drawViews(page) {
  const { h, w } = MODEL.shape;
  const scales = MODEL.views.filter((view) => view !== "ink");
  const times = scales.length ? [fineness(MODEL.shape)] : [];
  if (MODEL.views.includes("ink")) times.push(1);
  const inks = drawInk(page, times.map((n) => ({ h: n * h, w: n * w })), MODEL);
  if (!inks.some(Boolean)) return null;
  const weighed = scales.length && inks[0] ? weighByUnsteadiness(inks[0], MODEL.shape, MODEL.unsteadiness, scales) : [];
  return MODEL.views.map((view) => (view === "ink" ? inks[inks.length - 1] : weighed[scales.indexOf(view)]) || image(h, w));
}

// The pixels of all views, one after another, as the transformer gives them.
function pixelsOf(views) {
  const pixels = new Float32Array(views.length * views[0].d.length);
  views.forEach(({ d }, k) => pixels.set(MODEL.bytes ? d.map((x) => rint(Math.fround(255 * x))) : d, k * d.length));
  return pixels;
}

// The brightest of all views at pixel i.
const brightest = (views, i) => views.reduce((largest, { d }) => Math.max(largest, d[i]), 0);
