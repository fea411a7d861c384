// A network: a list of stages, each one a convolution over the taps that are not zero, and what follows it.
// MODEL.networks come from _html.py; fully connected layers are convolutions as large as their input.

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// Weights, their places and biases of each stage: all numbers, then the gaps between places in the code of
// inference/_rice.py.
function decode({ data, values, stages }) {
  const bytes = bytesOf(data);
  const numbers = new Float32Array(bytes.buffer, 0, values);
  let [at, next] = [4 * values, 0];
  const bit = (i) => (bytes[at + (i >> 3)] >> (7 - (i & 7))) & 1;
  const take = (n) => numbers.subarray(next, (next += n));
  return stages.map((stage) => {
    const weights = take(stage.n);
    let [low, high, place] = [0, 8 * Math.ceil((stage.n * stage.rice) / 8), -1];
    const places = Array.from(weights, () => {
      let gap = 0;
      while (!bit(high++)) gap++;
      for (let k = 0; k < stage.rice; k++) gap = 2 * gap + bit(low++);
      return (place += gap + 1);
    });
    at += Math.ceil(high / 8);
    return { weights, places, bias: take(stage.biases), affine: stage.then.map(([, n]) => take(n || 0)) };
  });
}

// The kernel in plain JavaScript; see kernel.wat. `width` are the pixels of a row that matter.
const plainKernel = (memory) => {
  const [floats, ints] = [new Float32Array(memory), new Int32Array(memory)];
  return (source, target, taps, end, bias, height, sourceRow, targetRow, width) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = source + y * sourceRow + 4 * x;
        let sum = bias;
        for (let tap = taps; tap < end; tap += 8) sum += floats[(tap >> 2) + 1] * floats[(from + ints[tap >> 2]) >> 2];
        floats[((target + y * targetRow) >> 2) + x] = sum;
      }
    }
  };
};

function makeKernel(bytes) {
  try {
    const module = new WebAssembly.Module(bytesOf(MODEL.kernel));
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
    return { memory: memory.buffer, ...new WebAssembly.Instance(module, { page: { memory } }).exports };
  } catch {
    const memory = new ArrayBuffer(bytes);
    return { memory, plane: plainKernel(memory), plain: true };
  }
}

// A function from the pixels of all views, one after another, to the scores of the classes. With `dense`,
// zeros are taps too, also those of channels that were removed.
function makeNetwork(model, dense) {
  const parts = decode(model);
  let size = 0; // of all memory, in numbers
  const reserve = (n) => (size += n) - n;
  let { h, w } = MODEL.shape;
  let scratch = h * w;
  // A plane of zeros around room for what the next stage reads.
  const room = (count, h, w, [[top, bottom], [left, right]]) => {
    const row = w + left + right;
    const plane = (h + top + bottom) * row;
    const start = reserve(count * plane);
    return { h, w, row, plane, start, inner: start + top * row + left };
  };
  const padding = (i) => (model.stages[i] || { pad: [[0, 0], [0, 0]] }).pad;
  const follow = (then) => {
    for (const [kind, , pool] of then) if (kind === "max_pool") [h, w] = pool.shape;
  };
  follow(model.before);
  const views = model.stages[0].read;
  const input = room(views, h, w, padding(0));
  let seen = input;
  const stages = model.stages.map((stage, i) => {
    const [kernelH, kernelW] = stage.size;
    const [down, across] = stage.dilation;
    h += stage.pad[0][0] + stage.pad[0][1] - (kernelH - 1) * down;
    w += stage.pad[1][0] + stage.pad[1][1] - (kernelW - 1) * across;
    const raw = { h, w, row: 16 * Math.ceil(w / 16) };
    scratch = Math.max(scratch, h * raw.row);
    follow(stage.then);
    const [read, written] = dense ? stage.dense : [stage.read, stage.written];
    const area = kernelH * kernelW;
    const taps = Array.from({ length: written }, () => []);
    const offset = (k) => 4 * (Math.floor(k / area) * seen.plane + Math.floor((k % area) / kernelW) * down * seen.row + (k % kernelW) * across);
    if (dense) taps.forEach((list) => { for (let k = 0; k < read * area; k++) list.push([offset(k), 0]); });
    parts[i].places.forEach((place, n) => {
      const [filter, k] = [Math.floor(place / (stage.read * area)), place % (stage.read * area)];
      const tap = [offset(k), parts[i].weights[n]];
      if (dense) taps[filter][k] = tap;
      else taps[filter].push(tap);
    });
    const made = room(written, h, w, padding(i + 1));
    const plan = { ...stage, pooled: isPooled(stage.then), ...parts[i], raw, seen, made, taps, tapsAt: reserve(2 * taps.flat().length) };
    seen = made;
    return plan;
  });
  const scratchAt = reserve(Math.ceil(scratch / 16) * 16);
  const kernel = makeKernel(4 * size + 256); // some more, since whole blocks of pixels are read
  const [floats, ints] = [new Float32Array(kernel.memory), new Int32Array(kernel.memory)];
  for (const stage of stages) {
    let at = stage.tapsAt;
    stage.ends = stage.taps.map((list) => {
      for (const [offset, weight] of list) {
        ints[at++] = offset;
        floats[at++] = weight;
      }
      return at;
    });
    delete stage.taps;
  }

  // Do what follows a convolution to a plane in scratch memory, and copy it to its room.
  function finish(then, affine, { h, w, row }, channel, { row: madeRow, plane, inner }) {
    then.forEach(([kind, n, pool], i) => {
      if (kind === "max_pool") {
        maxPool(floats, scratchAt, row, pool);
        [h, w] = pool.shape;
        row = w;
        return;
      }
      const end = scratchAt + h * row;
      if (kind === "relu") for (let k = scratchAt; k < end; k++) floats[k] = floats[k] > 0 ? floats[k] : 0;
      if (kind === "binary") for (let k = scratchAt; k < end; k++) floats[k] = floats[k] > 0 ? 1 : 0;
      if (kind === "affine" && channel < n / 2) {
        const [weight, bias] = [affine[i][channel], affine[i][n / 2 + channel]];
        for (let k = scratchAt; k < end; k++) floats[k] = floats[k] * weight + bias;
      }
    });
    for (let y = 0, from = scratchAt, to = inner + channel * plane; y < h; y++, from += row, to += madeRow) {
      for (let x = 0; x < w; x++) floats[to + x] = floats[from + x];
    }
  }

  const scoresOf = ({ made, written }) => floats.slice(made.start, made.start + written);
  function network(pixels) {
    const { h, w } = MODEL.shape;
    for (let view = 0; view < views; view++) {
      const from = (model.first + view) * h * w;
      for (let i = 0; i < h * w; i++) floats[scratchAt + i] = pixels[from + i] / model.scale;
      finish(model.before, [], { h, w, row: w }, view, input);
    }
    for (const stage of stages) {
      const { raw, seen, made, ends, bias, then, affine, pooled } = stage;
      for (let filter = 0, taps = stage.tapsAt; filter < ends.length; taps = ends[filter++]) {
        kernel.plane(4 * seen.start, 4 * scratchAt, 4 * taps, 4 * ends[filter], bias[filter] || 0, raw.h, 4 * seen.row, 4 * raw.row, raw.w);
        if (kernel.pool && pooled) kernel.pool(4 * scratchAt, 4 * (made.inner + filter * made.plane), made.h, 4 * made.w, 4 * raw.row, 4 * made.row);
        else finish(then, affine, raw, filter, made);
      }
    }
    return scoresOf(stages[stages.length - 1]);
  }
  network.plain = !!kernel.plain;
  return network;
}

// Whether a stage goes on as the kernel's `pool` does.
const isPooled = ([first, second, ...more]) =>
  first?.[0] === "max_pool" && second?.[0] === "relu" && !more.length && `${first[2].size},${first[2].stride}` === "2,2,2,2";

// In place: what is written was read before.
function maxPool(floats, at, row, { shape: [h, w], size, stride }) {
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let from = at + y * stride[0] * row + x * stride[1];
      let largest = floats[from];
      for (let i = 0; i < size[0]; i++, from += row) {
        for (let j = 0; j < size[1]; j++) if (floats[from + j] > largest) largest = floats[from + j];
      }
      floats[at + y * w + x] = largest;
    }
  }
}

// The mean of several lists of numbers.
const meanOf = (lists) => lists[0].map((_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);

function softmax(scores) {
  const largest = Math.max(...scores);
  const parts = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = parts.reduce((a, b) => a + b);
  return parts.map((part) => part / sum);
}

// ---- What speaks for and against ----

// By how much a class's score exceeds the mean of the others.
function lead(scores, target) {
  const sum = scores.reduce((a, b) => a + b);
  return scores[target] - (sum - scores[target]) / (scores.length - 1);
}

// How much the lead of a class falls when the ink around each pixel is erased from all views: the mean over
// the patches that cover it. Yields after each patch, and returns the map.
function* occlusion(network, pixels, { h, w }, target) {
  const half = Math.max(1, Math.round(Math.max(h, w) / 16));
  const views = range(pixels.length / (h * w), (view) => view * h * w);
  const [sums, counts] = [new Float32Array(h * w), new Float32Array(h * w)];
  const whole = lead(network(pixels), target);
  for (let top = -half; top < h; top += half) {
    for (let left = -half; left < w; left += half) {
      const without = pixels.slice();
      const patch = [];
      for (let y = Math.max(top, 0); y < Math.min(top + 2 * half, h); y++) {
        for (let x = Math.max(left, 0); x < Math.min(left + 2 * half, w); x++) patch.push(y * w + x);
      }
      for (const view of views) for (const i of patch) without[view + i] = 0;
      const inked = views.some((view) => patch.some((i) => pixels[view + i]));
      const fall = inked ? whole - lead(network(without), target) : 0;
      for (const i of patch) {
        sums[i] += fall;
        counts[i]++;
      }
      if (inked) yield;
    }
  }
  return sums.map((sum, i) => sum / counts[i]);
}
