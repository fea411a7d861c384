// Pages from drawings and picture files, as preprocessing/_pages.py reads them.

const canvasOf = (w, h) => Object.assign(document.createElement("canvas"), { width: w, height: h });
const contextOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
const gray = (d, i) => (d[i] * 19595 + d[i + 1] * 38470 + d[i + 2] * 7471 + 32768) >> 16;

// The brightness of opaque pixels in bytes.
function grayPage({ data, width, height }) {
  const page = image(height, width, new Uint8Array(width * height));
  for (let i = 0; i < page.d.length; i++) page.d[i] = gray(data, 4 * i);
  return page;
}

// Averages of squares of f * f bytes, rounded as Pillow does; the last ones may be smaller.
function shrinkBytes({ h, w, d }, f) {
  if (f === 1) return image(h, w, d);
  const small = image(Math.ceil(h / f), Math.ceil(w / f), new Uint8Array(Math.ceil(h / f) * Math.ceil(w / f)));
  for (let y = 0; y < small.h; y++) {
    for (let x = 0; x < small.w; x++) {
      const [bottom, right] = [Math.min((y + 1) * f, h), Math.min((x + 1) * f, w)];
      const n = (bottom - y * f) * (right - x * f);
      let sum = Math.floor(n / 2);
      for (let i = y * f; i < bottom; i++) for (let j = x * f; j < right; j++) sum += d[i * w + j];
      small.d[y * small.w + x] = Math.floor((sum * Math.floor(16777216 / n)) / 16777216);
    }
  }
  return small;
}

// A picture in bands, so that large ones fit into a canvas; each channel is a function of RGBA bytes.
function readChannels(bitmap, f, channels) {
  const { width: w, height: h } = bitmap;
  const band = f * Math.max(1, Math.floor(2 ** 20 / (f * w)));
  const context = contextOf(canvasOf(w, Math.min(band, h)));
  const pages = channels.map(() => image(Math.ceil(h / f), Math.ceil(w / f), new Uint8Array(Math.ceil(h / f) * Math.ceil(w / f))));
  for (let top = 0; top < h; top += band) {
    const rows = Math.min(band, h - top);
    context.clearRect(0, 0, w, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, w, rows);
    channels.forEach((channel, k) => {
      const part = image(rows, w, new Uint8Array(rows * w));
      for (let i = 0; i < part.d.length; i++) part.d[i] = channel(data, 4 * i);
      pages[k].d.set(shrinkBytes(part, f).d, (top / f) * pages[k].w);
    });
  }
  return pages;
}

// The page of a file, and the bitmap to show. `side` is the length that larger pictures are reduced to.
async function readPicture(blob, side) {
  const start = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const { width, height } = bitmap;
  if (width * height > 8e7) throw new Error("The picture has more than 80 million pixels.");
  const factor = (n) => (n >= 2 * side ? Math.floor(n / side) : 1);
  const n = Math.max(width, height);
  if (start[0] === 0xff && start[1] === 0xd8) {
    // Python decodes large JPEG files at a half, a quarter or an eighth of their size.
    const share = Math.min(1, side / n);
    const scale = Math.min(...[width, height].map((x) => Math.floor(x / Math.max(1, Math.floor(x * share)))));
    const [page] = readChannels(bitmap, [8, 4, 2, 1].find((s) => scale >= s), [gray]);
    return { bitmap, page: shrinkBytes(page, factor(Math.max(page.h, page.w))) };
  }
  let lowest = 255;
  const alpha = (d, i) => ((lowest = Math.min(lowest, d[i + 3])), d[i + 3]);
  const f = factor(n);
  const [opaque, cover] = readChannels(bitmap, f, [gray, alpha]);
  if (lowest === 255) return { bitmap, page: opaque };
  // Colours of averages, weighed by their cover.
  const times = (a, b) => ((a * b + 128) * 257) >> 16;
  const colours = readChannels(bitmap, f, [0, 1, 2].map((k) => (d, i) => (f === 1 ? d[i + k] : times(d[i + k], d[i + 3]))));
  if (f > 1) for (const { d } of colours) d.forEach((x, i) => (d[i] = cover.d[i] ? Math.min(255, Math.trunc((255 * x) / cover.d[i])) : x));
  return { bitmap, page: cover.d.some((x) => x < 128) ? layOnPaper(colours, cover) : grayOf(colours) };
}

const grayOf = ([red, green, blue]) =>
  image(red.h, red.w, red.d.map((x, i) => gray([x, green.d[i], blue.d[i]], 0)));

// Opaque pixels as they are, transparent ones as the paper that fits them.
function layOnPaper([red, green, blue], { h, w, d: cover }) {
  const page = image(h, w);
  const bright = page.d.map((_, i) => (0.299 * red.d[i] + 0.587 * green.d[i] + 0.114 * blue.d[i]) / 255);
  const opaque = (i) => cover[i] / 255 > 0.5;
  let [count, darkest, brightest, ink, all] = [0, 1, 0, 0, 0];
  bright.forEach((x, i) => {
    ink += (x * cover[i]) / 255;
    all += cover[i] / 255;
    if (!opaque(i)) return;
    count++;
    darkest = Math.min(darkest, x);
    brightest = Math.max(brightest, x);
  });
  // A page with parts cut out is continued; strokes on nothing are shown on whatever shows them best.
  const continues = count > (h * w) / 2 && brightest - darkest > 0.1;
  const paper = +(ink < 0.5 * all);
  return image(h, w, bright.map((x, i) => {
    const share = cover[i] / 255;
    const beneath = continues ? bright[opaque(i) ? i : nearest(i, opaque, h, w)] : paper;
    return x * share + beneath * (1 - share);
  }));
}

// The opaque pixel that is nearest to pixel i, searched for row by row.
function nearest(i, opaque, h, w) {
  const [y, x] = [Math.floor(i / w), i % w];
  let [best, found] = [Infinity, i];
  for (let dy = 0; dy < h && dy * dy < best; dy++) {
    for (const row of [y - dy, y + dy]) {
      for (let dx = 0; row >= 0 && row < h && dx < w && dy * dy + dx * dx < best; dx++) {
        for (const column of [x - dx, x + dx]) {
          if (column >= 0 && column < w && opaque(row * w + column)) [best, found] = [dy * dy + dx * dx, row * w + column];
        }
      }
    }
  }
  return found;
}
