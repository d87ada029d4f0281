// Figures, in colours for the ground they stand on, and as wide as there is room for: down to what
// can be read; then their box scrolls.
function drawFigures(schemes) {
  const dark = matchMedia("screen and (prefers-color-scheme: dark)");
  const figures = [...document.querySelectorAll(".figure")];

  const acrossAxes = (layout) =>
    Object.keys(layout).flatMap((key) => (key.startsWith("xaxis") ? [layout[key]] : []));
  const abreast = (layout) => new Set(acrossAxes(layout).map(({ domain }) => domain?.[0])).size;

  function least({ data, layout }) {
    const written = ({ type, mode }) => type === "heatmap" || mode?.includes("text");
    return data.some(written) ? 560 : 190 + 150 * abreast(layout);
  }

  function wrap(title, pixels) {
    const lines = [""];
    for (const word of title.text.split(" ")) {
      if (lines.at(-1) && lines.at(-1).length + word.length > pixels / 9) lines.push("");
      lines.push(`${lines.pop()} ${word}`.trim());
    }
    title.text = lines.join("<br>");
    return lines.length;
  }

  // Titles in as many lines as they need, and room for these.
  function wrapTitles(layout) {
    for (const { title } of acrossAxes(layout)) {
      if (title?.text) wrap(title, (layout.width - 100) / abreast(layout));
    }
    const lines = wrap(layout.title, layout.width);
    Object.assign(layout.title, { x: 0, xref: "container" });
    Object.assign(layout.legend, { x: 0, xref: "container" });
    makeRoom(layout, 22 * (lines - 1), 0);
  }

  function makeRoom(layout, title, legend) {
    const above = (1 - layout.legend.y) * layout.height + title;
    layout.height += title + legend;
    layout.margin.t += title + legend;
    layout.legend.y = 1 - above / layout.height;
  }

  async function draw(figure) {
    const [plot, source] = figure.children;
    const colours = Object.entries(schemes[dark.matches ? "dark" : "light"]);
    const replaced = (text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`);
    const { data, layout } = JSON.parse(colours.reduce(replaced, source.textContent));
    const show = () => Plotly.react(plot, data, layout, { displaylogo: false });
    const own = layout.width;
    if (!own) return show(); // not one of ours
    layout.width = Math.min(own, Math.max(figure.parentElement.clientWidth, least({ data, layout })));
    if (layout.width === own) return show();
    wrapTitles(layout);
    await show();
    const more = (plot.querySelector(".legend .bg")?.getBBox().height ?? 0) - 30;
    if (more <= 0) return;
    makeRoom(layout, 0, more);
    await show();
  }

  let drawn = Promise.resolve();
  const drawAll = () => {
    for (const figure of figures) drawn = drawn.then(() => draw(figure));
  };
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) drawAll();
    width = innerWidth;
  });
  dark.addEventListener("change", drawAll);
  drawAll();
}
