// The explorer: a grid of heads, the attention of the chosen one beside it.
// Text reaches the page through textContent or a canvas only.

const BLANK = { light: [247, 248, 250], dark: [24, 28, 33] };
const STOPS = {
  // One hue, steadily darker (or, on dark ground, steadily brighter): safe for colour-blind eyes.
  light: [[255, 255, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]],
  dark: [[32, 37, 44], [28, 70, 112], [38, 116, 178], [107, 181, 232], [236, 247, 255]],
};
const LEVELS = 256;

function ramp(stops) {
  const colours = new Uint8ClampedArray(3 * LEVELS);
  for (let level = 0; level < LEVELS; level++) {
    const place = (level / (LEVELS - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let part = 0; part < 3; part++) {
      const [from, to] = [stops[below][part], stops[below + 1][part]];
      colours[3 * level + part] = from + (to - from) * (place - below);
    }
  }
  return colours;
}

function make(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

function explore(root, { about, bytes }, style) {
  const { layers, heads, size, tokens, scores, n } = about;
  const triangle = (size * (size + 1)) / 2;
  const colours = { light: ramp(STOPS.light), dark: ramp(STOPS.dark) };
  const state = { layer: 0, head: 0, score: 0, sequence: 0, query: size - 1, key: 0, large: false };
  const inLab = document.querySelector(".jp-LabShell, #jp-main-dock-panel") !== null;

  // JupyterLab would take the arrow keys for moving between cells.
  root.dataset.lmSuppressShortcuts = "true";
  const shadow = root.shadowRoot ?? root.attachShadow({ mode: "open" });
  shadow.replaceChildren();
  make(shadow, "style", {}, style);
  const box = make(shadow, "div", { class: "box", role: "group", "aria-label": about.title });

  const bar = make(box, "div", { class: "bar" });
  const scoreLabel = make(bar, "label", {}, "Score ");
  const scoreChoice = make(scoreLabel, "select", { class: "score" });
  scores.forEach((score, i) => make(scoreChoice, "option", { value: i }, score.label));
  const sequenceLabel = make(bar, "label", {}, "Sequence ");
  const sequenceChoice = make(sequenceLabel, "select", { class: "sequence" });
  tokens.forEach((_, i) => make(sequenceChoice, "option", { value: i }, `${i + 1} of ${tokens.length}`));
  sequenceLabel.hidden = tokens.length === 1;
  const largeLabel = make(bar, "label");
  const large = make(largeLabel, "input", { type: "checkbox", class: "large" });
  largeLabel.append(" every token");
  const link = make(bar, "a", { class: "link", title: "Copy this link to share what you see" });
  link.hidden = inLab;

  const body = make(box, "div", { class: "body" });
  const left = make(body, "div", { class: "left" });
  make(left, "p", { class: "caption" }, "Layer (down) × head (across): click one, or use the arrow keys");
  const grid = make(left, "div", {
    class: "grid",
    role: "grid",
    "aria-label": "Heads: layers down, heads across",
    style: `--heads:${heads}`,
  });
  const cells = [];
  const top = make(grid, "div", { class: "row", "aria-hidden": "true" });
  make(top, "span", { class: "tick" });
  for (let head = 0; head < heads; head++) make(top, "span", { class: "tick" }, String(head));
  for (let layer = 0; layer < layers; layer++) {
    const row = make(grid, "div", { class: "row", role: "row" });
    make(row, "span", { class: "tick", "aria-hidden": "true" }, String(layer));
    for (let head = 0; head < heads; head++) {
      const cell = make(row, "button", { class: "cell", role: "gridcell", type: "button", tabindex: -1 });
      cell.addEventListener("click", () => choose({ layer, head }));
      cells.push(cell);
    }
  }
  const legend = make(left, "div", { class: "legend", "aria-hidden": "true" });
  make(legend, "span", {}, "0");
  const strip = make(legend, "span", { class: "strip" });
  const chanceMark = make(strip, "i");
  make(legend, "span", {}, "1");
  const chanceText = make(left, "p", { class: "caption chance" });
  const details = make(left, "table", { class: "details" });

  const right = make(body, "div", { class: "right" });
  const heading = make(right, "h4", { class: "heading", "aria-live": "polite" });
  const scroller = make(right, "div", { class: "scroller" });
  const canvas = make(scroller, "canvas", {
    class: "pattern",
    role: "img",
    tabindex: 0,
    "aria-describedby": "readout",
  });
  const readout = make(right, "p", { class: "readout", id: "readout", "aria-live": "polite" });
  const raster = document.createElement("canvas");
  raster.width = raster.height = size;

  const theme = () => (isDark() ? "dark" : "light");
  const nameOf = (layer, head) => `L${layer}H${head}`;
  const valueOf = (layer, head) => scores[state.score].values[layer * heads + head];
  const show = (value, digits) => (value === null ? "no value" : value.toFixed(digits));
  const start = () => ((state.sequence * layers + state.layer) * heads + state.head) * triangle;
  const attention = (query, key) =>
    thousandth(bytes, start() + (query * (query + 1)) / 2 + key) / 1000;

  function drawGrid() {
    const lut = colours[theme()];
    cells.forEach((cell, i) => {
      const [layer, head] = [Math.floor(i / heads), i % heads];
      const value = valueOf(layer, head);
      const level = 3 * Math.round(Math.min(1, Math.max(0, value ?? 0)) * (LEVELS - 1));
      cell.style.background =
        value === null ? "none" : `rgb(${lut[level]},${lut[level + 1]},${lut[level + 2]})`;
      const label = `${nameOf(layer, head)}, ${scores[state.score].label} ${show(value, 2)}`;
      cell.setAttribute("aria-label", label);
      cell.title = label;
    });
    const steps = [0, 64, 128, 191, 255].map((level) => `rgb(${lut.slice(3 * level, 3 * level + 3)})`);
    strip.style.background = `linear-gradient(to right,${steps})`;
    const { chance } = scores[state.score];
    chanceMark.hidden = chance === null;
    chanceMark.style.left = `${100 * (chance ?? 0)}%`;
    chanceText.textContent = chance === null ? "" : `mark: uniform attention, ${chance.toFixed(3)}`;
  }

  function mark() {
    const chosen = state.layer * heads + state.head;
    cells.forEach((cell, i) => {
      cell.setAttribute("aria-selected", String(i === chosen));
      cell.tabIndex = i === chosen ? 0 : -1;
    });
    const name = nameOf(state.layer, state.head);
    heading.textContent = `${name}: ${scores[state.score].label} ${show(valueOf(state.layer, state.head), 2)}`;
    details.replaceChildren();
    for (const score of scores) {
      const row = make(details, "tr");
      make(row, "th", { scope: "row" }, score.label);
      make(row, "td", {}, show(score.values[chosen], 3));
    }
    link.href = stateAsHash();
    link.textContent = `link to ${stateAsHash()}`;
  }

  function drawEntries() {
    const lut = colours[theme()];
    const image = new ImageData(size, size);
    const blank = BLANK[theme()];
    let place = start();
    for (let query = 0; query < size; query++) {
      for (let key = 0; key < size; key++) {
        const pixel = 4 * (query * size + key);
        let [r, g, b] = blank;
        if (key <= query) {
          const level = 3 * Math.round((thousandth(bytes, place++) / 1000) * (LEVELS - 1));
          [r, g, b] = [lut[level], lut[level + 1], lut[level + 2]];
        }
        image.data.set([r, g, b, 255], pixel);
      }
    }
    raster.getContext("2d").putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", describe());
  }

  const plan = { cell: 1, margin: 0, ratio: 1 };
  function drawPattern() {
    const dark = theme() === "dark";
    const ratio = window.devicePixelRatio || 1;
    const margin = 76;
    const beside = box.clientWidth - left.offsetWidth - 64 - margin;
    const room = beside > 300 ? beside : box.clientWidth - 40 - margin;
    const cell = state.large ? 14 : Math.max(2, Math.min(24, Math.floor(Math.min(room, 600) / size)));
    const side = margin + cell * size + 2;
    Object.assign(plan, { cell, margin, ratio });
    canvas.width = canvas.height = Math.round(side * ratio);
    canvas.style.width = canvas.style.height = `${side}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, side, side);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(raster, margin, margin, cell * size, cell * size);
    pen.strokeStyle = dark ? "#55606b" : "#c3cad1";
    pen.strokeRect(margin - 0.5, margin - 0.5, cell * size + 1, cell * size + 1);

    const { offset } = scores[state.score];
    if (offset !== null) {
      // The entries that the score is the mean of: from `first` on, `offset` places back.
      const first = scores[state.score].first;
      const [from, to] = [margin + (first - offset) * cell, margin + (size - offset) * cell];
      const [high, low] = [margin + first * cell, margin + size * cell];
      pen.strokeStyle = dark ? "#ff9d5c" : "#c2410c";
      pen.lineWidth = 1.25;
      pen.beginPath();
      pen.moveTo(from - cell / 2, high + cell / 2);
      pen.lineTo(from + cell / 2, high - cell / 2);
      pen.lineTo(to + cell / 2, low - cell / 2);
      pen.lineTo(to - cell / 2, low + cell / 2);
      pen.closePath();
      pen.stroke();
    }
    drawLabels(pen);
    point();
  }

  function drawLabels(pen) {
    const { cell, margin } = plan;
    const ink = theme() === "dark" ? "#c7cfd8" : "#3b4754";
    const strong = theme() === "dark" ? "#ffb27d" : "#b23a0a";
    const step = Math.ceil(10 / cell);
    const words = tokens[state.sequence];
    pen.font = "10px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
    pen.textBaseline = "middle";
    pen.direction = "ltr";
    const near = (i, chosen) => i !== chosen && Math.abs(i - chosen) < step;
    for (let i = 0; i < size; i++) {
      const middle = margin + (i + 0.5) * cell;
      if (i === state.query || (i % step === 0 && !near(i, state.query))) {
        pen.fillStyle = i === state.query ? strong : ink;
        pen.textAlign = "right";
        pen.fillText(shorten(words[i]), margin - 5, middle, margin - 8);
      }
      if (i === state.key || (i % step === 0 && !near(i, state.key))) {
        pen.save();
        pen.fillStyle = i === state.key ? strong : ink;
        pen.translate(middle, margin - 5);
        pen.rotate(-Math.PI / 2);
        pen.textAlign = "left";
        pen.fillText(shorten(words[i]), 0, 0, margin - 8);
        pen.restore();
      }
    }
  }

  const shorten = (word) => {
    const letters = [...word];
    return letters.length > 12 ? `${letters.slice(0, 11).join("")}…` : word;
  };

  function describe() {
    let best = [0, 0, 0];
    let total = 0;
    for (let query = 1; query < size; query++) {
      total += attention(query, 0);
      for (let key = 0; key < query; key++) {
        if (attention(query, key) > best[2]) best = [query, key, attention(query, key)];
      }
    }
    const words = tokens[state.sequence];
    return (
      `Attention of ${nameOf(state.layer, state.head)}, ${size} tokens. Strongest: token ` +
      `${best[0]} (${words[best[0]]}) looks at ${best[1]} (${words[best[1]]}), ${best[2].toFixed(2)}. ` +
      `Mean attention to the first token: ${(total / Math.max(1, size - 1)).toFixed(2)}. ` +
      "Arrow keys read single entries."
    );
  }

  function point() {
    const words = tokens[state.sequence];
    const { query, key } = state;
    readout.textContent = "";
    const value = make(readout, "b", {}, attention(query, key).toFixed(3));
    value.before(`from ${query} `);
    value.before(word(words[query]), ` to ${key} `, word(words[key]), ": ");
    if (n !== null && query > n && key === query - n + 1) readout.append(" (on the induction stripe)");
  }

  const word = (text) => {
    const element = document.createElement("bdi");
    element.textContent = `“${text}”`;
    return element;
  };

  function drawPointer() {
    const { cell, margin, ratio } = plan;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.strokeStyle = theme() === "dark" ? "#ffb27d" : "#b23a0a";
    pen.lineWidth = 2;
    pen.strokeRect(margin + state.key * cell - 1, margin + state.query * cell - 1, cell + 2, cell + 2);
  }

  function stateAsHash() {
    const parts = [nameOf(state.layer, state.head)];
    if (state.score || state.sequence) parts.push(scores[state.score].name);
    if (state.sequence) parts.push(String(state.sequence + 1));
    return `#${parts.join(":")}`;
  }

  function stateFromHash() {
    const found = /^#L(\d+)H(\d+)(?::(\w+))?(?::(\d+))?$/.exec(location.hash);
    if (!found || Number(found[1]) >= layers || Number(found[2]) >= heads) return {};
    const score = scores.findIndex((each) => each.name === found[3]);
    const sequence = Number(found[4] ?? 1) - 1;
    return {
      layer: Number(found[1]),
      head: Number(found[2]),
      score: Math.max(0, score),
      sequence: sequence >= 0 && sequence < tokens.length ? sequence : 0,
    };
  }

  function choose(change, { say = true } = {}) {
    const before = { ...state };
    Object.assign(state, change);
    scoreChoice.value = state.score;
    sequenceChoice.value = state.sequence;
    if (change.score !== undefined && before.score !== state.score) drawGrid();
    mark();
    drawEntries();
    drawPattern();
    if (say && !inLab) {
      try {
        history.replaceState(null, "", stateAsHash());
      } catch {
        // A sandboxed frame has no history; the link still says it.
      }
    }
  }

  scoreChoice.addEventListener("change", () => choose({ score: Number(scoreChoice.value) }));
  sequenceChoice.addEventListener("change", () => choose({ sequence: Number(sequenceChoice.value) }));
  large.addEventListener("change", () => choose({ large: large.checked }));
  window.addEventListener("hashchange", () => choose(stateFromHash(), { say: false }));

  const MOVES = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -Infinity],
    End: [0, Infinity],
    PageUp: [-Infinity, 0],
    PageDown: [Infinity, 0],
  };
  const clamp = (value, most) => Math.min(most, Math.max(0, value));
  function onKeys(element, act) {
    element.addEventListener("keydown", (event) => {
      const move = event.altKey || event.ctrlKey || event.metaKey ? undefined : MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      act(...move);
    });
  }
  onKeys(grid, (down, across) => {
    choose({ layer: clamp(state.layer + down, layers - 1), head: clamp(state.head + across, heads - 1) });
    cells[state.layer * heads + state.head].focus();
  });
  onKeys(canvas, (down, across) => {
    const query = clamp(state.query + down, size - 1);
    Object.assign(state, { query, key: clamp(state.key + across, query) });
    drawPattern();
    drawPointer();
  });
  canvas.addEventListener("mousemove", (event) => {
    const query = Math.floor((event.offsetY - plan.margin) / plan.cell);
    const key = Math.floor((event.offsetX - plan.margin) / plan.cell);
    if (query < 0 || query >= size || key < 0 || key > query) return;
    if (query === state.query && key === state.key) return;
    Object.assign(state, { query, key });
    drawPattern();
    drawPointer();
  });

  function paint() {
    box.dataset.theme = theme();
    drawGrid();
    drawEntries();
    drawPattern();
  }
  Object.assign(state, { layer: about.layer, head: about.head, score: about.score }, stateFromHash());
  box.dataset.theme = theme();
  drawGrid();
  choose({}, { say: false });
  onThemeChange(paint);
  let width = box.clientWidth;
  new ResizeObserver(() => {
    if (box.clientWidth !== width && box.clientWidth > 0) {
      width = box.clientWidth;
      drawPattern();
    }
  }).observe(box);
}
