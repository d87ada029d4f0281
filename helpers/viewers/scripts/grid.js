// What all views of heads share: elements, arrow keys, the grid of heads itself.

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

function make(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

function onArrows(element, act) {
  element.addEventListener("keydown", (event) => {
    const move = event.altKey || event.ctrlKey || event.metaKey ? undefined : MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    act(...move);
  });
}

const nameOf = (layer, head) => `L${layer}H${head}`;

// Layers down, heads across: one head is chosen, by a click or by walking with the arrow keys.
// `act(layer, head, how)` is called for both, `how` being "click" or "walk".
class HeadGrid {
  constructor(parent, { layers, heads, cell, act }) {
    this.layers = layers;
    this.heads = heads;
    this.cells = [];
    const grid = make(parent, "div", {
      class: "grid",
      role: "grid",
      "aria-label": "Heads: layers down, heads across",
      style: `--heads:${heads};--cell:${cell}px`,
    });
    const numbers = make(grid, "div", { class: "row", "aria-hidden": "true" });
    for (const text of ["", ...Array(heads).keys()]) make(numbers, "span", { class: "tick" }, text);
    for (let layer = 0; layer < layers; layer++) {
      const row = make(grid, "div", { class: "row", role: "row" });
      make(row, "span", { class: "tick", "aria-hidden": "true" }, layer);
      for (let head = 0; head < heads; head++) {
        const button = make(row, "button", { class: "cell", role: "gridcell", type: "button" });
        button.addEventListener("click", () => act(layer, head, "click"));
        this.cells.push(button);
      }
    }
    onArrows(grid, (down, across) => {
      const layer = clamp(this.layer + down, layers - 1);
      const head = clamp(this.head + across, heads - 1);
      act(layer, head, "walk");
      this.cells[layer * heads + head].focus();
    });
  }

  choose(layer, head) {
    Object.assign(this, { layer, head });
    this.cells.forEach((button, i) => {
      const chosen = i === layer * this.heads + head;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    });
  }
}
