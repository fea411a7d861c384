// The ink, the brighter the further a line departs from its smoothed course, as preprocessing/_unsteadiness.py.

// In how many times the resolution of an image to look at a line; even.
const fineness = ({ h, w }) => 2 * Math.max(1, rint(128 / Math.sqrt(h * w)));

// An image for each of several scales.
function weighByUnsteadiness(ink, { h, w }, share, scales) {
  const factor = ink.h / h;
  const amount = reduce(ink, factor);
  const [halves, side] = [tensor(ink), measureSide(ink)];
  const known = {}; // windows of two scales may be the same
  const course = (sigma) => (known[sigma] ||= directions(halves, sigma));
  return scales.map((scale) => {
    const window = (scale * side) / 2;
    const turn = deviation(course(window / 2), course(window));
    const weighed = ink.d.map((x, i) => {
      const half = (Math.floor(i / ink.w) >> 1) * halves[0].w + ((i % ink.w) >> 1);
      return x && x * (1 - share + share * Math.min(turn[half] / 0.4, 1));
    });
    const bright = reduce(image(ink.h, ink.w, weighed), factor);
    return image(h, w, bright.d.map((x, i) => x / Math.max(amount.d[i], 0.1)));
  });
}

// The parts of the structure tensor that tell the direction of a line, at half the resolution.
function tensor(ink) {
  const [across, down] = [gaussian(ink, 1.5, 0, 1).d, gaussian(ink, 1.5, 1, 0).d];
  const parts = [across.map((a, i) => a * a - down[i] * down[i]), across.map((a, i) => 2 * a * down[i])];
  return parts.map((part) => reduce(image(ink.h, ink.w, part), 2));
}

// The sine of the angle between two directions, of a line and of its course.
function deviation(here, course) {
  const f = Math.fround; // 1 - cosine has few digits: rounded like Python's
  const cosine = (i) => f(f(here[0][i] * course[0][i]) + f(here[1][i] * course[1][i]));
  return here[0].map((_, i) => Math.sqrt(clamp((1 - cosine(i)) / 2, 0, 1)));
}

// The side of the square that is as large as the box around the ink.
function measureSide({ w, d }) {
  const [ys, xs] = [new Set(), new Set()];
  d.forEach((x, i) => x > Math.fround(0.2) && (ys.add(Math.floor(i / w)), xs.add(i % w)));
  const extent = (places) => (places.size ? Math.max(...places) - Math.min(...places) + 1 : 1);
  return Math.sqrt(extent(ys) * extent(xs));
}

function directions(halves, sigma) {
  const [x, y] = halves.map((part) => gaussian(part, sigma, 0, 0).d);
  const length = x.map((a, i) => Math.max(Math.sqrt(a * a + y[i] * y[i]), 1e-12));
  return [x.map((a, i) => a / length[i]), y.map((a, i) => a / length[i])];
}

// A Gaussian filter, or its derivative down or across, cut at three sigmas; edges reflect.
function gaussian(source, sigma, down, across) {
  const radius = Math.trunc(3 * sigma + 0.5);
  const bell = range(2 * radius + 1, (i) => Math.exp((-0.5 / sigma ** 2) * (i - radius) ** 2));
  const sum = bell.reduce((a, b) => a + b);
  const kernel = (order) => Float64Array.from(bell, (x, i) => (x / sum) * (order ? (i - radius) / sigma ** 2 : 1));
  const { h, w } = source;
  return along(along(source, h, w, w, 1, kernel(down)), w, h, 1, w, kernel(across));
}

// Filter `lines` lines of n numbers that are `step` apart, while lines are `next` apart.
function along({ h, w, d }, n, lines, step, next, kernel) {
  const result = image(h, w);
  const radius = kernel.length >> 1;
  const line = new Float64Array(n + 2 * radius);
  for (let j = 0; j < lines; j++) {
    let empty = true;
    for (let i = 0; i < line.length; i++) {
      const k = (((i - radius) % (2 * n)) + 2 * n) % (2 * n);
      line[i] = d[j * next + (k < n ? k : 2 * n - 1 - k) * step];
      empty &&= !line[i];
    }
    for (let i = 0; !empty && i < n; i++) {
      let sum = 0;
      for (let k = 0; k < kernel.length; k++) sum += kernel[k] * line[i + k];
      result.d[j * next + i * step] = sum;
    }
  }
  return result;
}
