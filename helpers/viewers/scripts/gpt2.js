// A GPT-2 in plain typed arrays: tokens in, attention and logits out, heads replaced on the way.
// Runs in a worker, and where there is none on the page itself. `helpers/play/weights.py` says which tensors there are.

// One table for all 65,536 float16 numbers: sign, exponent, fraction.
function halves() {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction;
    table[bits] = bits & 32768 ? -size : size;
  }
  return table;
}

// Tensors by name, as float32, from float16 numbers one after another.
function readTensors(shapes, bytes) {
  const table = halves();
  const tensors = {};
  let place = 0;
  for (const [name, size] of shapes) {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++, place += 2) values[i] = table[bytes[place] | (bytes[place + 1] << 8)];
    tensors[name] = values;
  }
  return tensors;
}

// out[row, column] = bias[column] + sum over k of x[row, k] * weight[column, k], 4 x 4 at a time:
// eight numbers are read for sixteen products. Rows past `to` up to a multiple of four are spare.
function product(x, weight, bias, out, from, to, width, columns) {
  for (let row = from; row < to; row += 4) {
    const x0 = row * width, x1 = x0 + width, x2 = x1 + width, x3 = x2 + width;
    for (let column = 0; column < columns; column += 4) {
      const w0 = column * width, w1 = w0 + width, w2 = w1 + width, w3 = w2 + width;
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
      for (let k = 0; k < width; k++) {
        const p0 = weight[w0 + k], p1 = weight[w1 + k], p2 = weight[w2 + k], p3 = weight[w3 + k];
        const a = x[x0 + k], b = x[x1 + k], c = x[x2 + k], d = x[x3 + k];
        a0 += a * p0; a1 += a * p1; a2 += a * p2; a3 += a * p3;
        b0 += b * p0; b1 += b * p1; b2 += b * p2; b3 += b * p3;
        c0 += c * p0; c1 += c * p1; c2 += c * p2; c3 += c * p3;
        d0 += d * p0; d1 += d * p1; d2 += d * p2; d3 += d * p3;
      }
      let at = row * columns + column;
      const e0 = bias[column], e1 = bias[column + 1], e2 = bias[column + 2], e3 = bias[column + 3];
      out[at] = a0 + e0; out[at + 1] = a1 + e1; out[at + 2] = a2 + e2; out[at + 3] = a3 + e3;
      at += columns;
      out[at] = b0 + e0; out[at + 1] = b1 + e1; out[at + 2] = b2 + e2; out[at + 3] = b3 + e3;
      at += columns;
      out[at] = c0 + e0; out[at + 1] = c1 + e1; out[at + 2] = c2 + e2; out[at + 3] = c3 + e3;
      at += columns;
      out[at] = d0 + e0; out[at + 1] = d1 + e1; out[at + 2] = d2 + e2; out[at + 3] = d3 + e3;
    }
  }
}

// "gelu_new": the tanh form is GPT-2's own, not an approximation of its port.
function gelu(x, from, to) {
  const root = Math.sqrt(2 / Math.PI);
  for (let i = from; i < to; i++) {
    x[i] *= 0.5 * (1 + Math.tanh(root * (x[i] + 0.044715 * x[i] * x[i] * x[i])));
  }
}

class Gpt2 {
  // `about`: layers, heads, width, context, vocabulary, epsilon; `tensors`: see readTensors.
  constructor(about, tensors) {
    Object.assign(this, about);
    this.room = (about.context + 3) & ~3; // rows, a multiple of four
    const { room, width, vocabulary } = this;
    // What products read and write lies together: weights, rows, logits of both ways of running.
    const sizes = Object.values(tensors).map(({ length }) => length + 3);
    const weights = sizes.reduce((sum, size) => sum + size, 0);
    const { take, product } = makeRoom(weights + room * (10 * width + 2 * vocabulary) + vocabulary + 64);
    this.tensors = {};
    for (const [name, values] of Object.entries(tensors)) {
      this.tensors[name] = take(values.length);
      this.tensors[name].set(values);
    }
    this.fast = product;
    this.none = take(vocabulary); // the bias of what has none
    [this.normed, this.mixed, this.added] = [1, 1, 1].map(() => take(room * width));
    this.three = take(room * 3 * width);
    this.inner = take(room * 4 * width);
    this.clean = this.slots(take(room * vocabulary));
    this.changed = this.slots(take(room * vocabulary));
  }

  // What one way of running keeps of each layer, so that only what changed is run again.
  slots(logits) {
    const { room, width, heads, layers } = this;
    const floats = (size) => new Float32Array(room * size);
    const kept = (more) => ({ tokens: [], key: null, residual: floats(width), ...more });
    return {
      embedded: kept(),
      blocks: Array.from({ length: layers }, () =>
        kept({ keys: floats(width), values: floats(width), pattern: floats(heads * room) }),
      ),
      last: { tokens: [], key: null, logits },
    };
  }

  // Attention and logits of the tokens, clean and with heads replaced.
  // `removed[layer]` lists heads; `method` says whose tensor takes their place ("mean", "zero").
  run(tokens, removed, method) {
    const clean = this.pass(this.clean, tokens, [], "", null);
    const touched = removed.some((heads) => heads && heads.length);
    return { clean, changed: touched ? this.pass(this.changed, tokens, removed, method, this.clean) : clean };
  }

  // A row depends on the rows before it and on the layers below it only. So a layer is run from the
  // first new token on; from its first row if a head at or below it was changed; and not at all if
  // none was, where the clean run has it already.
  pass(slots, tokens, removed, method, clean) {
    let key = "";
    let below = clean ? clean.embedded : this.embed(slots.embedded, tokens);
    const blocks = [];
    for (let layer = 0; layer < this.layers; layer++) {
      const heads = removed[layer] ?? [];
      if (heads.length) key += `${layer}:${[...heads].sort()}:${method};`;
      if (clean && !key) {
        below = clean.blocks[layer];
      } else {
        const block = slots.blocks[layer];
        const from = this.start(block, tokens, key);
        if (from < tokens.length) this.block(layer, block, below.residual, from, tokens.length, heads, method);
        below = block;
      }
      blocks.push(below);
    }
    const { last } = slots;
    const from = this.start(last, tokens, key);
    if (from < tokens.length) this.unembed(last.logits, below.residual, from, tokens.length);
    return { blocks, logits: last.logits };
  }

  // The first row that must be run anew; four at a time.
  start(slot, tokens, key) {
    let same = 0;
    if (slot.key === key) {
      while (same < tokens.length && tokens[same] === slot.tokens[same]) same++;
    }
    slot.key = key;
    slot.tokens = [...tokens];
    return same === tokens.length ? same : same & ~3;
  }

  embed(slot, tokens) {
    const { width, tensors } = this;
    for (let row = this.start(slot, tokens, ""); row < tokens.length; row++) {
      for (let i = 0; i < width; i++) {
        slot.residual[row * width + i] =
          tensors.wte[tokens[row] * width + i] + tensors.wpe[row * width + i];
      }
    }
    return slot;
  }

  normalize(x, name, from, to) {
    const { width, epsilon, normed } = this;
    const scale = this.tensors[`${name}.weight`], shift = this.tensors[`${name}.bias`];
    for (let row = from; row < to; row++) {
      const start = row * width;
      let mean = 0, square = 0;
      for (let i = start; i < start + width; i++) mean += x[i];
      mean /= width;
      for (let i = start; i < start + width; i++) square += (x[i] - mean) * (x[i] - mean);
      const factor = 1 / Math.sqrt(square / width + epsilon);
      for (let i = 0; i < width; i++) {
        normed[start + i] = (x[start + i] - mean) * factor * scale[i] + shift[i];
      }
    }
    return normed;
  }

  linear(x, name, out, from, to, width, columns) {
    return this.product(x, this.tensors[`${name}.weight`], this.tensors[`${name}.bias`], out, from, to, width, columns);
  }

  // Both loops take four rows at a time; the fast one takes addresses, in bytes.
  product(x, weight, bias, out, from, to, width, columns) {
    if (!this.fast) {
      product(x, weight, bias, out, from, to, width, columns);
    } else {
      for (let row = from; row < to; row += 4) {
        const place = x.byteOffset + 4 * row * width;
        const result = out.byteOffset + 4 * row * columns;
        this.fast(place, weight.byteOffset, bias.byteOffset, result, 4 * width, columns);
      }
    }
    return out;
  }

  block(layer, slot, residual, from, to, heads, method) {
    const { width } = this;
    const read = this.normalize(residual, `${layer}.ln_1`, from, to);
    const three = this.linear(read, `${layer}.c_attn`, this.three, from, to, width, 3 * width);
    for (let row = from; row < to; row++) {
      const start = 3 * width * row;
      slot.keys.set(three.subarray(start + width, start + 2 * width), width * row);
      slot.values.set(three.subarray(start + 2 * width, start + 3 * width), width * row);
    }
    for (let head = 0; head < this.heads; head++) this.attend(slot, head, from, to);
    for (const head of heads) this.replace(layer, head, method, from, to);
    const { added } = this;
    this.linear(this.mixed, `${layer}.c_proj`, added, from, to, width, width);
    for (let i = from * width; i < to * width; i++) slot.residual[i] = residual[i] + added[i];
    const normed = this.normalize(slot.residual, `${layer}.ln_2`, from, to);
    const inner = this.linear(normed, `${layer}.c_fc`, this.inner, from, to, width, 4 * width);
    gelu(inner, from * 4 * width, to * 4 * width);
    this.linear(inner, `${layer}.mlp`, added, from, to, 4 * width, width);
    for (let i = from * width; i < to * width; i++) slot.residual[i] += added[i];
  }

  // pattern[query, key] = softmax of q.k / sqrt(d_head) over key <= query; mixed = pattern @ values.
  attend(slot, head, from, to) {
    const { width, room, mixed, three } = this;
    const size = width / this.heads;
    const scale = 1 / Math.sqrt(size);
    for (let query = from; query < to; query++) {
      const q = 3 * width * query + head * size;
      const row = (head * room + query) * room;
      let most = -Infinity, total = 0;
      for (let key = 0; key <= query; key++) {
        const k = width * key + head * size;
        let score = 0;
        for (let i = 0; i < size; i++) score += three[q + i] * slot.keys[k + i];
        slot.pattern[row + key] = score *= scale;
        if (score > most) most = score;
      }
      for (let key = 0; key <= query; key++) {
        total += slot.pattern[row + key] = Math.exp(slot.pattern[row + key] - most);
      }
      const z = width * query + head * size;
      mixed.fill(0, z, z + size);
      for (let key = 0; key <= query; key++) {
        const weight = (slot.pattern[row + key] /= total);
        const v = width * key + head * size;
        for (let i = 0; i < size; i++) mixed[z + i] += weight * slot.values[v + i];
      }
    }
  }

  // Something else in the place of what a head gathered; what stands at position 0 is left.
  replace(layer, head, method, from, to) {
    const size = this.width / this.heads;
    const values = this.tensors[`${layer}.${method}`].subarray(head * size, (head + 1) * size);
    for (let row = Math.max(1, from); row < to; row++) this.mixed.set(values, this.width * row + head * size);
  }

  unembed(logits, residual, from, to) {
    const read = this.normalize(residual, "ln_f", from, to);
    this.product(read, this.tensors.wte, this.none, logits, from, to, this.width, this.vocabulary);
  }
}
