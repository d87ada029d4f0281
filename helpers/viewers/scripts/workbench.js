// The workbench: a text, the heads to click off, and what the model makes of it. Who answers is
// not its business: a worker in the page, or a kernel. Text reaches the page as text only.

const NAME = /^L(\d+)H(\d+)$/;
const DULL = 6; // nats: a loss of this much or more fills a word's bar

function percent(p) {
  if (p < 1e-4) return "< 0.01 %";
  return `${p >= 0.1 ? (100 * p).toFixed(1) : (100 * p).toPrecision(2)} %`;
}

function later(wait, act) {
  let timer = null;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}

// So many of them, drawn by chance, none twice.
function sampleOf(all, many) {
  const pool = [...all];
  for (let i = 0; i < Math.min(many, pool.length); i++) {
    const j = i + Math.floor(Math.random() * (pool.length - i));
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, many);
}

// "#off=L1H1,L2H2&text=…": cut apart first, each value decoded once, nothing trusted.
function readAddress(hash) {
  const found = {};
  for (const part of hash.replace(/^#/, "").split("&")) {
    const cutAt = part.indexOf("=");
    if (cutAt < 1) continue;
    try {
      found[part.slice(0, cutAt)] = decodeURIComponent(part.slice(cutAt + 1));
    } catch {
      // A broken escape: that value is not there.
    }
  }
  return found;
}

class Workbench {
  // about: title, layers, heads, context; words: what it can be given, or null if that is anything.
  // ask(state): a promise of an answer, see engine.js. start: the state it begins with. scores: what
  // the squares of the heads show where an answer holds the chosen head's pattern only. others: the
  // heads to draw from by chance.
  constructor(root, { about, words, groups, others, ask, start, look, scores = null, address = false }) {
    Object.assign(this, { about, words, groups, others, ask, palette: look.palette, scores, address });
    for (const colours of Object.values(this.palette)) colours.lut ??= ramp(colours.stops);
    this.start = { text: "", off: [], method: "mean", layer: 0, head: 0, at: null, ...start };
    this.state = { ...this.start };
    this.asked = 0;
    this.answer = null;
    this.listeners = [];
    root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys rest inside
    const shadow = root.shadowRoot ?? root.attachShadow({ mode: "open" });
    shadow.replaceChildren();
    make(shadow, "style", {}, look.style);
    this.build(shadow);
    this.say = later(900, () => (this.live.textContent = this.inWords()));
    this.tell = later(1000, () => this.writeAddress()); // browsers count how often it is changed
    if (address) {
      window.addEventListener("hashchange", () => {
        if (location.hash !== this.hash()) this.change(this.fromAddress(), { tell: false });
      });
    }
    onThemeChange(() => this.paint());
    // Asked for while a page is being changed, a width makes the browser lay all of it out at once.
    this.room = this.canvas.parentElement.clientWidth;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === 0 || Math.abs(contentRect.width - this.room) < 2) return;
      this.room = contentRect.width;
      if (this.answer) this.drawPattern();
    }).observe(this.canvas.parentElement);
    this.change(address ? this.fromAddress() : {}, { tell: false });
  }

  build(shadow) {
    const { about, words } = this;
    const box = make(shadow, "div", { class: "box", role: "group", "aria-label": about.title });
    this.box = box;
    this.top = make(box, "div", { class: "top" });

    const write = make(box, "div", { class: "write" });
    const label = make(write, "label", {}, "Your text");
    this.area = make(label, "textarea", { rows: 2, spellcheck: "false", autocapitalize: "off", autocomplete: "off" });
    this.suggest = make(write, "div", { class: "suggest", role: "group", "aria-label": "Words that complete yours" });
    this.hint = words ? "While you type, words that it knows appear here." : "";
    this.suggest.textContent = this.hint;
    this.refused = make(write, "p", { class: "refused", role: "status" });
    const tools = make(write, "div", { class: "bar" });
    const tool = (text, act) => make(tools, "button", { type: "button" }, text).addEventListener("click", act);
    tool("Repeat my words", () => this.repeat());
    if (words) tool("Surprise me", () => this.surprise());
    tool("Clear", () => this.change({ text: "", at: null }));
    if (words) {
      const all = make(tools, "details", { class: "all" });
      make(all, "summary", {}, `The ${words.length} words it knows`);
      const list = make(all, "div", { class: "list" });
      for (const word of words) {
        make(list, "button", { type: "button" }, word).addEventListener("click", () => this.add(word));
      }
    }

    const read = make(box, "section", { "aria-label": "What it read" });
    make(read, "p", { class: "caption" }, "What it read. The bar under a word says how much it came as a surprise (its loss; full from 6 nats on). Click a word: what comes after it?");
    this.ribbon = make(read, "div", { class: "ribbon", role: "group", "aria-label": "Words, each with its loss" });
    onArrows(this.ribbon, (down, across) => this.walk(across || down));

    const columns = make(box, "div", { class: "columns" });
    const side = make(columns, "div", { class: "side" });
    const next = make(side, "section", { "aria-label": "What comes next" });
    this.after = make(next, "h4", { class: "next-word" });
    this.choices = make(next, "ol", { class: "choices" });
    this.legend = make(next, "p", { class: "caption" });
    const left = make(side, "section", { "aria-label": "Heads" });
    make(left, "h4", {}, "Heads");
    const bar = make(left, "div", { class: "bar" });
    this.groupChoice = this.choice(bar, "remove", [["", "your own choice"], ...Object.keys(this.groups).map((name) => [name, name])]);
    this.groupChoice.addEventListener("change", () => {
      const group = this.groups[this.groupChoice.value];
      if (group) this.change({ off: [...group] });
    });
    this.draw = make(bar, "button", { type: "button" }, "As many others, by chance");
    this.draw.title = "As many as are out now, drawn from the heads that are of neither kind";
    this.draw.addEventListener("click", () => this.change({ off: sampleOf(this.others, this.state.off.length) }));
    this.methodChoice = this.choice(bar, "and put there", [["mean", "its average"], ["zero", "zero"]]);
    this.methodChoice.addEventListener("change", () => this.change({ method: this.methodChoice.value }));
    const clicks = make(left, "fieldset", { class: "bar" });
    make(clicks, "legend", {}, "A click");
    this.removes = this.radio(clicks, "takes the head out, or puts it back", true);
    this.radio(clicks, "only looks at it", false);
    this.grid = new HeadGrid(left, {
      layers: about.layers,
      heads: about.heads,
      cell: about.layers > 8 ? 22 : 40,
      act: (layer, head, how) => this.press(layer, head, how),
    });
    this.thumbs = this.grid.cells.map((cell) => make(cell, "canvas", { "aria-hidden": "true" }));
    make(left, "p", { class: "caption" }, `Layers down, heads across; ${this.scores ? "the darker, the more a head looks where an induction head would" : "each square is what that head looks at in your text, small"}. Arrow keys walk, Enter clicks.`);

    this.right = make(columns, "section", { class: "right", "aria-label": "Where the head looks" });
    this.heading = make(this.right, "h4", { class: "heading" });
    const scroller = make(this.right, "div", { class: "scroller" });
    this.canvas = make(scroller, "canvas", { class: "pattern", role: "img", tabindex: 0 });
    this.readout = make(this.right, "p", { class: "readout" });
    this.live = make(box, "p", { class: "unseen", role: "status", "aria-live": "polite" });

    // While a word is being composed (Chinese, Japanese, a dead key) nothing is run.
    this.area.addEventListener("input", (event) => {
      if (!event.isComposing) this.typed();
    });
    this.area.addEventListener("compositionend", () => this.typed());
    this.canvas.addEventListener("mousemove", (event) => {
      const entry = this.pattern?.entryAt(event);
      if (entry) this.point(entry);
    });
    onArrows(this.canvas, (down, across) => {
      const query = clamp(this.entry.query + down, this.answer.tokens.length - 1);
      this.point({ query, key: clamp(this.entry.key + across, query) });
    });
  }

  choice(parent, text, options) {
    const select = make(make(parent, "label", {}, `${text} `), "select", {});
    for (const [value, label] of options) make(select, "option", { value }, label);
    return select;
  }

  radio(parent, text, checked) {
    const label = make(parent, "label");
    const button = make(label, "input", { type: "radio", name: "click" });
    button.checked = checked;
    label.append(` ${text}`);
    return button;
  }

  // ---- what a reader does

  typed() {
    this.complete();
    this.change({ text: this.area.value, at: null }, { write: false });
  }

  press(layer, head, how) {
    const name = nameOf(layer, head);
    const change = { layer, head };
    if (how === "click" && this.removes.checked) {
      const { off } = this.state;
      change.off = off.includes(name) ? off.filter((other) => other !== name) : [...off, name];
    }
    this.change(change);
  }

  walk(steps) {
    if (!this.answer) return;
    const last = this.answer.tokens.length - 1;
    const at = clamp(this.answer.at + Math.sign(steps) * Math.min(Math.abs(steps), last), last);
    this.change({ at });
    this.chips[at]?.focus();
  }

  // Once more from the beginning; where a second round has begun, to its end and a third.
  repeat() {
    const words = this.state.text.trim().split(/\s+/);
    const round = words.findIndex((_, many) => many > 0 && 2 * many <= words.length + 1
      && words.every((word, i) => i < many || word === words[i - many]));
    const period = round < 0 ? words.length : round;
    const text = Array.from({ length: words.length + period }, (_, i) => words[i % period]).join(" ");
    const { pieces = [] } = this.answer ?? {};
    const fits = pieces.length * (1 + period / words.length) < this.about.context;
    if (words[0] && fits) this.change({ text, at: null });
  }

  // Ten words that follow from nothing, and the first nine of them once more.
  surprise() {
    const drawn = sampleOf(this.words.filter((word) => /^\p{L}+$/u.test(word)), 10);
    this.change({ text: [...drawn, ...drawn.slice(0, 9)].join(" "), at: null });
  }

  // A word goes behind a blank; a token of which the very text is given, as it is.
  add(word, raw = null) {
    const text = raw === null ? this.state.text.trimEnd() : this.state.text;
    this.change({ text: raw !== null ? text + raw : text ? `${text} ${word}` : word, at: null });
    this.area.focus();
  }

  // Words that begin like the one under the cursor, as buttons.
  complete() {
    const begun = /[\p{L}\p{N}_]+$/u.exec(this.area.value.slice(0, this.area.selectionStart))?.[0].toLowerCase();
    const fitting = (begun && this.words ? this.words : []).filter((word) => word.startsWith(begun) && word !== begun);
    this.suggest.replaceChildren(fitting.length ? "" : this.hint);
    for (const word of fitting.slice(0, 8)) {
      make(this.suggest, "button", { type: "button" }, word).addEventListener("click", () => {
        const caret = this.area.selectionStart;
        const before = this.area.value.slice(0, caret - begun.length);
        this.change({ text: `${before}${word} ${this.area.value.slice(caret).trimStart()}`, at: null });
        this.area.focus();
      });
    }
  }

  // ---- state, address, answers

  hash() {
    const { text, off, method, layer, head, at } = this.state;
    const parts = { off: off.join(","), text, method: method === "mean" ? "" : method, look: nameOf(layer, head), at: at ?? "" };
    const said = Object.entries(parts).filter(([, value]) => value !== "");
    return `#${said.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
  }

  headOf(name) {
    const [, layer, head] = (NAME.exec(name) ?? []).map(Number);
    return layer < this.about.layers && head < this.about.heads ? { layer, head } : null;
  }

  fromAddress() {
    const said = readAddress(location.hash);
    if (Object.keys(said).length === 0) return { ...this.start };
    return {
      ...this.start,
      text: said.text ?? this.start.text,
      off: [...new Set((said.off ?? "").split(","))].filter((name) => this.headOf(name)),
      method: said.method === "zero" ? "zero" : "mean",
      ...(this.headOf(said.look ?? "") ?? {}),
      at: /^\d{1,3}$/.test(said.at ?? "") ? Number(said.at) : null,
    };
  }

  writeAddress() {
    try {
      history.replaceState(null, "", this.hash());
    } catch {
      // Files and sandboxed frames may not have an address of their own.
    }
  }

  // Take over a change and ask what follows. Only the newest answer is painted.
  async change(change, { tell = true, write = true } = {}) {
    Object.assign(this.state, change);
    const { state } = this;
    if (write && this.area.value !== state.text) {
      this.area.value = state.text;
      this.suggest.replaceChildren(this.hint);
    }
    this.methodChoice.value = state.method;
    this.draw.disabled = state.off.length === 0;
    const same = (heads) => heads.length === state.off.length && heads.every((name) => state.off.includes(name));
    this.groupChoice.value = Object.keys(this.groups).find((name) => same(this.groups[name])) ?? "";
    this.grid.choose(state.layer, state.head);
    this.box.dataset.asked = ++this.asked;
    if (tell && this.address) this.tell();
    if (this.running) return; // it asks again when it is back: typing never piles up questions
    this.running = true;
    try {
      do {
        this.painting = this.asked;
        const answer = await this.query(this.state);
        if (this.painting === this.asked) this.take(answer);
      } while (this.painting !== this.asked);
    } catch (error) {
      this.refused.textContent = `No answer: ${error?.message ?? error}`;
    } finally {
      this.running = false;
    }
  }

  query({ text, off, method, layer, head, at }) {
    return this.ask({ text, method, layer, head, at, off: off.map((name) => Object.values(this.headOf(name))) });
  }

  take(answer) {
    this.answer = answer;
    const row = answer.at;
    let key = 0;
    for (let k = 1; k <= row; k++) if (this.attention(row, k) > this.attention(row, key)) key = k;
    this.entry = { query: row, key };
    this.paint();
    this.say();
    this.box.dataset.painted = this.painting;
    for (const listener of this.listeners) listener(answer);
  }

  // Attention of a head in the newest answer, which holds all heads, or the chosen one only.
  attention(query, key, layer = this.state.layer, head = this.state.head) {
    const { patterns, tokens } = this.answer;
    const size = tokens.length;
    const whole = patterns.length > size * size || this.grid.cells.length === 1;
    const start = whole ? (layer * this.about.heads + head) * size * size : 0;
    return patterns[start + query * size + key];
  }

  // ---- pictures

  colours() {
    return this.palette[isDark() ? "dark" : "light"];
  }

  paint() {
    if (!this.answer) return;
    this.box.dataset.theme = isDark() ? "dark" : "light";
    this.drawRibbon();
    this.drawChoices();
    this.drawHeads();
    this.drawPattern();
  }

  drawRibbon() {
    const { pieces, tokens, losses, clean, at } = this.answer;
    const out = this.state.off.length > 0;
    const focused = this.chips?.includes(this.ribbon.getRootNode().activeElement);
    this.ribbon.replaceChildren();
    this.chips = [];
    const chip = (place, word) => {
      const loss = losses[place], before = clean[place];
      const button = make(this.ribbon, "button", { type: "button", class: "chip" });
      make(button, "bdi", {}, word);
      const bar = make(button, "span", { class: "loss", "aria-hidden": "true" });
      if (place) {
        make(bar, "i", { style: `height:${Math.min(100, (100 * loss) / DULL)}%` });
        if (out) make(bar, "b", { style: `bottom:${Math.min(100, (100 * before) / DULL)}%` });
      }
      const whole = out ? ` (with all heads ${before.toFixed(2)})` : "";
      const said = place ? `loss ${loss.toFixed(2)} nats${whole}` : "the start, which nothing predicts";
      button.title = said;
      button.setAttribute("aria-label", `${word}: ${said}`);
      button.setAttribute("aria-pressed", String(place === at));
      button.tabIndex = place === at ? 0 : -1;
      button.addEventListener("click", () => this.change({ at: place }));
      this.chips.push(button);
    };
    chip(0, tokens[0]);
    let place = 0;
    for (const piece of pieces) {
      if (piece.read) chip(++place, piece.word);
      else make(make(this.ribbon, "s", { class: "chip" }), "bdi", {}, piece.word);
    }
    if (focused) this.chips[at]?.focus();
    const unknown = [...new Set(pieces.filter(({ id }) => id === null).map(({ word }) => word))];
    const late = pieces.filter(({ id, read }) => id !== null && !read).length;
    this.refused.replaceChildren();
    if (unknown.length) {
      this.refused.append("It skips words that it does not know: ");
      unknown.slice(0, 8).forEach((word, i) => {
        if (i) this.refused.append(", ");
        make(this.refused, "bdi", {}, `“${shorten(word)}”`);
      });
      this.refused.append(unknown.length > 8 ? ` and ${unknown.length - 8} more. ` : ". ");
    }
    if (late) this.refused.append(`It reads ${this.about.context - 1} words at most: ${late} too many.`);
  }

  drawChoices() {
    const { choices, tokens, at } = this.answer;
    this.after.replaceChildren("What comes after ");
    make(this.after, "bdi", {}, at ? `“${tokens[at]}”` : "the start");
    this.after.append("?");
    const out = this.state.off.length > 0;
    this.legend.textContent = `${out ? "The thin lines, here and under the words, mark what it was with all heads. " : ""}Click a word to add it at the end. Blind guessing would give each word ${percent(1 / this.about.vocabulary)}.`;
    this.choices.replaceChildren();
    for (const [word, now, before, raw] of choices) {
      const row = make(this.choices, "li");
      const button = make(row, "button", { type: "button" });
      make(button, "bdi", {}, word);
      button.addEventListener("click", () => this.add(word, raw));
      const track = make(row, "span", { class: "track", "aria-hidden": "true" });
      make(track, "i", { style: `width:${100 * now}%` });
      if (out) make(track, "b", { style: `left:${100 * before}%` });
      make(row, "span", { class: "number" }, percent(now));
      if (out) row.title = `with all heads: ${percent(before)}`;
    }
  }

  drawHeads() {
    const { lut, blank } = this.colours();
    const size = this.answer.tokens.length;
    const pixels = Math.min(size, 34);
    const all = this.answer.patterns.length > size * size;
    const { heads } = this.about;
    const start = (i) => Math.floor((i * size) / pixels);
    this.grid.cells.forEach((cell, i) => {
      const layer = Math.floor(i / heads), head = i % heads;
      const name = nameOf(layer, head);
      const off = this.state.off.includes(name);
      cell.classList.toggle("off", off);
      const said = off ? `${name}, taken out` : name;
      cell.title = said;
      cell.setAttribute("aria-label", said);
      const canvas = this.thumbs[i];
      canvas.hidden = !all;
      if (!all) {
        cell.style.background = `rgb(${colourOf(lut, this.scores[i])})`;
        return;
      }
      // A pixel is the largest of the entries it stands for: a thin stripe must not fade away.
      const image = new ImageData(pixels, pixels);
      for (let y = 0; y < pixels; y++) {
        for (let x = 0; x < pixels; x++) {
          let most = x > y ? -1 : 0;
          for (let q = start(y); q < start(y + 1); q++) {
            for (let k = start(x); k < Math.min(start(x + 1), q + 1); k++) {
              most = Math.max(most, this.attention(q, k, layer, head));
            }
          }
          image.data.set(most < 0 ? blank : colourOf(lut, most), 4 * (y * pixels + x));
          image.data[4 * (y * pixels + x) + 3] = 255;
        }
      }
      canvas.width = canvas.height = pixels;
      canvas.getContext("2d").putImageData(image, 0, 0);
    });
  }

  drawPattern() {
    const { tokens } = this.answer;
    const name = nameOf(this.state.layer, this.state.head);
    this.right.hidden = this.hides("pattern");
    this.heading.textContent = `Where ${name} looks${this.state.off.includes(name) ? " (taken out: its output is not used)" : ""}`;
    if (this.pattern?.size !== tokens.length) this.pattern = new Pattern(this.canvas, tokens.length);
    this.pattern.fill((query, key) => this.attention(query, key), this.colours());
    const room = Math.min(this.room - 8, 460) - MARGIN - END;
    this.cell = Math.max(2, Math.min(20, Math.floor(room / tokens.length)));
    this.drawEntry();
  }

  drawEntry() {
    const { tokens } = this.answer;
    const given = this.hides("readout"); // the reader is asked to find it
    const { query, key } = this.entry;
    const marked = given ? -Infinity : key;
    this.pattern.draw(this.cell, { query, key: marked, words: tokens, stripe: null, pointer: !given, ink: this.colours().ink });
    this.readout.replaceChildren("From ");
    make(this.readout, "bdi", {}, `“${tokens[query]}”`);
    this.readout.append(` (${query}) it looks at `);
    make(this.readout, "bdi", {}, `“${tokens[key]}”`);
    this.readout.append(` (${key}) with attention `);
    make(this.readout, "b", {}, this.attention(query, key).toFixed(2));
    this.canvas.setAttribute("aria-label", `Attention of ${nameOf(this.state.layer, this.state.head)} on ${tokens.length} tokens. ${given ? "" : `${this.readout.textContent}. `}Arrow keys read other entries.`);
  }

  point(entry) {
    if (entry.query === this.entry.query && entry.key === this.entry.key) return;
    this.entry = entry;
    this.drawEntry();
  }

  // What a question covers until it is answered: "choices", "losses", "pattern", "readout".
  hide(parts) {
    this.box.dataset.hide = parts;
    this.paint();
  }

  hides(part) {
    return (this.box.dataset.hide ?? "").split(" ").includes(part);
  }

  // The answer in a sentence, for who listens.
  inWords() {
    if (this.box.dataset.hide) return "";
    const { choices, tokens, at } = this.answer;
    const [word, now] = choices[0];
    const out = this.state.off.length;
    return `After ${tokens[at]}: ${word}, ${percent(now)}. ${out ? `${out} ${out === 1 ? "head" : "heads"} taken out.` : "Every head is there."}`;
  }
}
