// One attention pattern on a canvas: entries, tokens on both axes, the stripe, the entry pointed at.

const LEVELS = 256;
const MARGIN = 76; // pixels left of and above the entries, for tokens
const END = 8; // pixels right of and below them: the last token is higher than its entry
const LETTERS = 12; // of a token, before it is cut short

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

function colourOf(lut, value) {
  const level = 3 * Math.round(Math.min(1, Math.max(0, value)) * (LEVELS - 1));
  return lut.subarray(level, level + 3);
}

function shorten(word) {
  const letters = [...word];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS - 1).join("")}…` : word;
}

class Pattern {
  constructor(canvas, size) {
    this.canvas = canvas;
    this.size = size;
    this.cell = 0;
    this.raster = document.createElement("canvas");
    this.raster.width = this.raster.height = size;
  }

  // Entries in their colours, one pixel each; `value(query, key)` is in 0..1.
  fill(value, { lut, blank }) {
    const { size } = this;
    const image = new ImageData(size, size);
    for (let query = 0; query < size; query++) {
      for (let key = 0; key < size; key++) {
        const colour = key <= query ? colourOf(lut, value(query, key)) : blank;
        image.data.set(colour, 4 * (query * size + key));
        image.data[4 * (query * size + key) + 3] = 255;
      }
    }
    this.raster.getContext("2d").putImageData(image, 0, 0);
  }

  draw(cell, { words, query, key, stripe, pointer, ink }) {
    const { canvas, size } = this;
    const side = MARGIN + cell * size + END;
    const ratio = window.devicePixelRatio || 1;
    const pixels = Math.round(side * ratio);
    if (cell !== this.cell || canvas.width !== pixels) {
      canvas.width = canvas.height = pixels;
      canvas.style.width = canvas.style.height = `${side}px`;
      this.cell = cell;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, side, side);
    pen.lineWidth = 1;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.raster, MARGIN, MARGIN, cell * size, cell * size);
    pen.strokeStyle = ink.frame;
    pen.strokeRect(MARGIN - 0.5, MARGIN - 0.5, cell * size + 1, cell * size + 1);
    if (stripe) this.outline(pen, stripe, ink.mark);
    this.label(pen, words, query, key, ink);
    if (pointer) {
      pen.strokeStyle = ink.mark;
      pen.lineWidth = 2;
      pen.strokeRect(MARGIN + key * cell - 1, MARGIN + query * cell - 1, cell + 2, cell + 2);
    }
  }

  // The entries that a score is the mean of: from query `first` on, `offset` places back.
  outline(pen, { first, offset }, colour) {
    const { cell, size } = this;
    const clear = 1.5; // the line runs around the entries, not over them
    const wide = cell + 2 * clear;
    const [left, top] = [first - offset, first].map((place) => MARGIN + place * cell - clear);
    const [right, bottom] = [size - offset, size].map((place) => MARGIN + place * cell + clear);
    pen.strokeStyle = colour;
    pen.lineWidth = 1.25;
    pen.beginPath();
    pen.moveTo(left, top);
    pen.lineTo(left + wide, top);
    pen.lineTo(right, bottom - wide);
    pen.lineTo(right, bottom);
    pen.lineTo(right - wide, bottom);
    pen.lineTo(left, top + wide);
    pen.closePath();
    pen.stroke();
  }

  // What the axes are, in the corner; every token if there is room, else every second, third …;
  // the two pointed at always.
  label(pen, words, query, key, ink) {
    const { cell, size } = this;
    const step = Math.ceil(10 / cell);
    const shown = (i, chosen) =>
      i === chosen || (i % step === 0 && Math.abs(i - chosen) >= step);
    pen.textBaseline = "middle";
    pen.direction = "ltr";
    pen.fillStyle = ink.text;
    pen.textAlign = "right";
    pen.font = "600 10px system-ui, sans-serif";
    pen.fillText("key: looked at", MARGIN - 5, 10, MARGIN - 8);
    pen.fillText("query: looks", MARGIN - 9, MARGIN - 12, MARGIN - 12);
    pen.font = "10px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
    words.forEach((word, i) => {
      const middle = MARGIN + (i + 0.5) * cell;
      if (shown(i, query)) {
        pen.fillStyle = i === query ? ink.mark : ink.text;
        pen.textAlign = "right";
        pen.fillText(shorten(word), MARGIN - 5, middle, MARGIN - 8);
      }
      if (shown(i, key)) {
        pen.save();
        pen.fillStyle = i === key ? ink.mark : ink.text;
        pen.textAlign = "left";
        pen.translate(middle, MARGIN - 5);
        pen.rotate(-Math.PI / 2);
        pen.fillText(shorten(word), 0, 0, MARGIN - 8);
        pen.restore();
      }
    });
  }

  // Which entry lies under a mouse event, if one does.
  entryAt(event) {
    const query = Math.floor((event.offsetY - MARGIN) / this.cell);
    const key = Math.floor((event.offsetX - MARGIN) / this.cell);
    return query >= 0 && query < this.size && key >= 0 && key <= query ? { query, key } : null;
  }
}
