// The explorer: a grid of heads, the attention of the chosen one beside it.
// Text reaches the page through textContent or a canvas only.

const show = (value, digits) => (value === null ? "no value" : value.toFixed(digits));

// What stays the same: boxes, choices, cells. Returns the parts that change.
function build(shadow, { title, layers, heads, tokens, scores }, style, act) {
  make(shadow, "style", {}, style);
  const box = make(shadow, "div", { class: "box", role: "group", "aria-label": title });

  const bar = make(box, "div", { class: "bar" });
  const scoreLabel = make(bar, "label", {}, "Score ");
  const score = make(scoreLabel, "select", { class: "score" });
  scores.forEach(({ label }, i) => make(score, "option", { value: i }, label));
  const sequenceLabel = make(bar, "label", {}, "Sequence ");
  const sequence = make(sequenceLabel, "select", { class: "sequence" });
  tokens.forEach((_, i) => make(sequence, "option", { value: i }, `${i + 1} of ${tokens.length}`));
  sequenceLabel.hidden = tokens.length === 1;
  const largeLabel = make(bar, "label");
  const large = make(largeLabel, "input", { type: "checkbox", class: "large" });
  largeLabel.append(" every token");
  const link = make(bar, "a", { class: "link", title: "Copy this link to share what you see" });

  const body = make(box, "div", { class: "body" });
  const left = make(body, "div", { class: "left" });
  make(left, "p", { class: "caption" }, "Layers down, heads across: click one, or walk with the arrow keys");
  const grid = new HeadGrid(left, { layers, heads, cell: layers > 16 ? 18 : 22, act });
  const legend = make(left, "div", { class: "legend", "aria-hidden": "true" });
  make(legend, "span", {}, "0");
  const strip = make(legend, "span", { class: "strip" });
  const chance = make(strip, "i");
  make(legend, "span", {}, "1");
  const chanceText = make(left, "p", { class: "caption chance" });
  const details = make(left, "table", { class: "details" });

  const right = make(body, "div", { class: "right" });
  const heading = make(right, "h4", { class: "heading", "aria-live": "polite" });
  const scroller = make(right, "div", { class: "scroller" });
  const canvas = make(scroller, "canvas", { class: "pattern", role: "img", tabindex: 0 });
  canvas.setAttribute("aria-describedby", "readout");
  const readout = make(right, "p", { class: "readout", id: "readout", "aria-live": "polite" });
  return {
    box, score, sequence, large, link, left, grid, strip, chance, chanceText, details,
    heading, canvas, readout,
  };
}

function explore(root, { about, bytes }, { style, palette }) {
  const { layers, heads, size, n, tokens, scores } = about;
  const triangle = (size * (size + 1)) / 2;
  const inLab = document.querySelector(".jp-LabShell, #jp-main-dock-panel") !== null;
  const state = { layer: about.layer, head: about.head, score: 0, sequence: 0 };
  // The entry read out first lies in the middle of the stripe, where there is one.
  const { offset: back, first } = scores[0];
  const middle = back === null ? size - 1 : (first + size) >> 1;
  const entry = { query: middle, key: back === null ? 0 : middle - back, pointer: back !== null };
  for (const colours of Object.values(palette)) colours.lut = ramp(colours.stops);

  // JupyterLab would take the arrow keys for moving between cells.
  root.dataset.lmSuppressShortcuts = "true";
  const shadow = root.shadowRoot ?? root.attachShadow({ mode: "open" });
  shadow.replaceChildren();
  const view = build(shadow, about, style, (layer, head) => choose({ layer, head }));
  const pattern = new Pattern(view.canvas, size);
  view.link.hidden = inLab;

  const colours = () => palette[isDark() ? "dark" : "light"];
  const scoreOf = (index) => scores[state.score].values[index];
  const attention = (query, key) => {
    const start = ((state.sequence * layers + state.layer) * heads + state.head) * triangle;
    return thousandth(bytes, start + (query * (query + 1)) / 2 + key) / 1000;
  };

  function drawGrid() {
    const { lut } = colours();
    const { label, chance } = scores[state.score];
    view.grid.cells.forEach((button, i) => {
      const value = scoreOf(i);
      const said = `${nameOf(Math.floor(i / heads), i % heads)}, ${label} ${show(value, 2)}`;
      button.style.background = value === null ? "none" : `rgb(${colourOf(lut, value)})`;
      button.setAttribute("aria-label", said);
      button.title = said;
    });
    const steps = [0, 0.25, 0.5, 0.75, 1].map((value) => `rgb(${colourOf(lut, value)})`);
    view.strip.style.background = `linear-gradient(to right,${steps})`;
    view.chance.hidden = chance === null;
    view.chance.style.left = `${100 * (chance ?? 0)}%`;
    view.chanceText.textContent =
      chance === null ? "" : `mark: uniform attention, ${chance.toFixed(3)}`;
  }

  function drawChoice() {
    const chosen = state.layer * heads + state.head;
    view.score.value = state.score;
    view.sequence.value = state.sequence;
    view.grid.choose(state.layer, state.head);
    const { label } = scores[state.score];
    view.heading.textContent = `${nameOf(state.layer, state.head)}: ${label} ${show(scoreOf(chosen), 2)}`;
    view.details.replaceChildren();
    for (const score of scores) {
      const row = make(view.details, "tr");
      make(row, "th", { scope: "row" }, score.label);
      make(row, "td", {}, show(score.values[chosen], 3));
    }
    view.link.href = stateAsHash();
    view.link.textContent = `link to ${stateAsHash()}`;
    view.canvas.setAttribute("aria-label", describe());
  }

  // Pixels an entry takes: what the box has room for, or enough to read every token.
  let cell = 14;
  function measure() {
    const beside = view.box.clientWidth - view.left.offsetWidth - 64;
    const room = Math.min(beside > 360 ? beside : view.box.clientWidth - 40, 680) - MARGIN - END;
    cell = view.large.checked ? 14 : Math.max(2, Math.min(24, Math.floor(room / size)));
  }

  function drawPattern() {
    const { offset, first } = scores[state.score];
    pattern.draw(cell, {
      ...entry,
      words: tokens[state.sequence],
      stripe: offset === null ? null : { offset, first },
      ink: colours().ink,
    });
    readEntry();
  }

  function readEntry() {
    const { query, key } = entry;
    const words = tokens[state.sequence];
    view.readout.replaceChildren(`query ${query} `);
    make(view.readout, "bdi", {}, `“${words[query]}”`);
    view.readout.append(` looks at key ${key} `);
    make(view.readout, "bdi", {}, `“${words[key]}”`);
    view.readout.append(" with attention ");
    make(view.readout, "b", {}, attention(query, key).toFixed(3));
    if (n !== null && query > n && key === query - n + 1) view.readout.append(" (induction stripe)");
  }

  // The picture in a sentence, for who cannot see it.
  function describe() {
    let strongest = { query: 0, key: 0, value: 0 };
    for (let query = 1; query < size; query++) {
      for (let key = 0; key < query; key++) {
        const value = attention(query, key);
        if (value > strongest.value) strongest = { query, key, value };
      }
    }
    const { query, key, value } = strongest;
    const words = tokens[state.sequence];
    return (
      `Attention of ${nameOf(state.layer, state.head)} on ${size} tokens. Strongest look back: ` +
      `token ${query} (${words[query]}) looks at ${key} (${words[key]}), ${value.toFixed(2)}. ` +
      "Arrow keys read single entries."
    );
  }

  function stateAsHash() {
    const parts = [nameOf(state.layer, state.head)];
    if (state.score || state.sequence) parts.push(scores[state.score].name);
    if (state.sequence) parts.push(state.sequence + 1);
    return `#${parts.join(":")}`;
  }

  function stateFromHash() {
    const found = /^#L(\d+)H(\d+)(?::(\w+))?(?::(\d+))?$/.exec(location.hash);
    if (inLab || !found || found[1] >= layers || found[2] >= heads) return {};
    const score = scores.findIndex(({ name }) => name === found[3]);
    const sequence = Number(found[4] ?? 1) - 1;
    return {
      layer: Number(found[1]),
      head: Number(found[2]),
      score: Math.max(0, score),
      sequence: tokens[sequence] ? sequence : 0,
    };
  }

  function paint() {
    view.box.dataset.theme = isDark() ? "dark" : "light";
    drawGrid();
    pattern.fill(attention, colours());
    measure();
    drawPattern();
  }

  function choose(change, { tell = true } = {}) {
    Object.assign(state, change);
    drawChoice();
    paint();
    if (!tell || inLab) return;
    try {
      history.replaceState(null, "", stateAsHash());
    } catch {
      // A sandboxed frame has no history; the link still says it.
    }
  }

  function point(next) {
    if (entry.pointer && next.query === entry.query && next.key === entry.key) return;
    Object.assign(entry, next, { pointer: true });
    drawPattern();
  }

  view.score.addEventListener("change", () => choose({ score: Number(view.score.value) }));
  view.sequence.addEventListener("change", () => choose({ sequence: Number(view.sequence.value) }));
  view.large.addEventListener("change", () => {
    measure();
    drawPattern();
  });
  view.canvas.addEventListener("mousemove", (event) => point(pattern.entryAt(event) ?? entry));
  onArrows(view.canvas, (down, across) => {
    const query = clamp(entry.query + down, size - 1);
    point({ query, key: clamp(entry.key + across, query) });
  });
  window.addEventListener("hashchange", () => choose(stateFromHash(), { tell: false }));

  choose(stateFromHash(), { tell: false });
  onThemeChange(paint);
  let width = view.box.clientWidth;
  new ResizeObserver(() => {
    if (view.box.clientWidth === width || view.box.clientWidth === 0) return;
    width = view.box.clientWidth;
    measure();
    drawPattern();
  }).observe(view.box);
}
