// Answers questions about a text: which words it was read as, what comes next, who looks where.
// Stands behind gpt2.js, in the worker or, where there is none, on the page.

// As the tokenizer cuts a text: lower case; letters, marks, digits and "_" together, other signs
// together.
const LETTER = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const PIECE = new RegExp(`[${LETTER}]+|[^${LETTER}\\p{White_Space}]+`, "gu");

// The pieces of a text, each with its id; null where the model does not know it.
function cut(text, ids) {
  const pieces = text.toLowerCase().match(PIECE) ?? [];
  return pieces.map((word) => ({ word, id: ids.get(word) ?? null }));
}

function decode(base64) {
  const step = 1 << 16; // of letters, a multiple of four: no string or array grows huge
  const bytes = new Uint8Array((base64.length / 4) * 3);
  let place = 0;
  for (let start = 0; start < base64.length; start += step) {
    const part = atob(base64.slice(start, start + step));
    for (let i = 0; i < part.length; i++) bytes[place++] = part.charCodeAt(i);
  }
  return bytes.subarray(0, place);
}

// Of one position: the probability of every token.
function chances(logits, row, vocabulary) {
  const line = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
  let most = -Infinity, total = 0;
  for (const logit of line) if (logit > most) most = logit;
  const found = Float32Array.from(line, (logit) => Math.exp(logit - most));
  for (const part of found) total += part;
  return found.map((part) => part / total);
}

// loss[t] = -log p(token t | tokens before t); nothing predicts position 0.
function lossOf(logits, tokens, vocabulary) {
  const losses = new Float32Array(tokens.length);
  for (let row = 0; row + 1 < tokens.length; row++) {
    const line = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    let most = -Infinity, total = 0;
    for (const logit of line) if (logit > most) most = logit;
    for (const logit of line) total += Math.exp(logit - most);
    losses[row + 1] = Math.log(total) + most - line[tokens[row + 1]];
  }
  return losses;
}

// All patterns, [layer, head, query, key]; nothing above the diagonal.
function patternsOf(model, blocks, length) {
  const { heads, room } = model;
  const patterns = new Float32Array(model.layers * heads * length * length);
  let place = 0;
  for (const { pattern } of blocks) {
    for (let head = 0; head < heads; head++) {
      for (let query = 0; query < length; query++, place += length) {
        const start = (head * room + query) * room;
        patterns.set(pattern.subarray(start, start + query + 1), place);
      }
    }
  }
  return patterns;
}

// The likeliest tokens, and the clean model's first choice in any case: [word, chance, clean].
function choicesOf(changed, clean, words, many) {
  const order = (line) => Array.from(line.keys()).sort((a, b) => line[b] - line[a]);
  const shown = order(changed).slice(0, many);
  const first = order(clean)[0];
  if (!shown.includes(first)) shown.push(first);
  return shown.map((id) => [words[id], changed[id], clean[id]]);
}

// `words`: the vocabulary by id, BOS first and the unknown word second, which no text may hold.
function makeEngine({ about, shapes, words, base64 }) {
  const model = new Gpt2(about, readTensors(shapes, decode(base64)));
  const ids = new Map(words.map((word, id) => [word, id]).slice(2));

  return ({ text, off, method, at }) => {
    const pieces = cut(text, ids);
    const room = about.context - 1;
    let read = 0;
    for (const piece of pieces) {
      piece.read = piece.id !== null && read < room;
      if (piece.read) read += 1;
    }
    const tokens = [0, ...pieces.filter(({ read }) => read).map(({ id }) => id)];
    const removed = Array.from({ length: about.layers }, () => []);
    for (const [layer, head] of off) removed[layer].push(head);
    const { clean, changed } = model.run(tokens, removed, method);
    const length = tokens.length;
    const row = at === null ? length - 1 : Math.min(at, length - 1);
    const line = (run) => chances(run.logits, row, about.vocabulary);
    return {
      pieces,
      tokens: tokens.map((id) => words[id]),
      at: row,
      choices: choicesOf(line(changed), line(clean), words, 5),
      losses: lossOf(changed.logits, tokens, about.vocabulary),
      clean: lossOf(clean.logits, tokens, about.vocabulary),
      patterns: patternsOf(model, changed.blocks, length),
    };
  };
}
