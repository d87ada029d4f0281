// The workbench in a notebook: the kernel answers. anywidget calls `render` for each view.

function render({ model, el }) {
  const waiting = new Map();
  let number = 0;
  const receive = ({ number: which, answer, error }, [patterns]) => {
    const asked = waiting.get(which);
    waiting.delete(which);
    if (error) return asked?.fail(new Error(error));
    const { buffer, byteOffset, byteLength } = patterns;
    asked?.done({ ...answer, patterns: new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)) });
  };
  model.on("msg:custom", receive);
  const ask = (state) =>
    new Promise((done, fail) => {
      number += 1;
      waiting.set(number, { done, fail });
      model.send({ number, state });
    });
  const given = model.get("given");
  const root = document.createElement("div");
  el.append(root);
  const bench = new Workbench(root, { ...given, ask });
  // The still picture above it has done its work.
  bench.listeners.push(() => {
    for (const still of document.querySelectorAll(`[data-still="${given.about.still}"]`)) still.hidden = true;
    root.dataset.live = "yes";
  });
  return () => model.off("msg:custom", receive);
}

export default { render };
