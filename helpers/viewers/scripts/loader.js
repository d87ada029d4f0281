// circuitsvis itself, once for all views of a page. Those that came earlier wait in a queue.
async function load(text) {
  const { bytes } = await unpack(text);
  if (!window.CircuitsVis) {
    const element = document.createElement("script");
    element.textContent = new TextDecoder().decode(bytes);
    document.head.append(element);
    element.remove();
    // Its tensors are tiny: a graphics card has nothing to gain, and one played by the processor
    // takes many seconds to wake up.
    await window._tfengine?.setBackend("cpu");
  }
  // It writes token texts into the page as HTML, and only the first space as one that stays.
  const asHtml = (token) =>
    Array.from(token, (letter) => `&#${letter.codePointAt(0)};`).join("");

  async function draw(root, packed) {
    const { about, bytes: data } = await unpack(packed);
    const { heads, tokens } = about;
    let place = 0;
    const attention = heads.map(() =>
      tokens.map((_, query) =>
        tokens.map((_, key) => (key <= query ? thousandth(data, place++) / 1000 : 0)),
      ),
    );
    const frame = document.createElement("div");
    frame.id = `helpers-${Math.random().toString(36).slice(2)}`;
    // Its own colours are dark on white; turned around, they keep their hue.
    frame.style.cssText =
      "background:#fff;color:#1f2933;color-scheme:light;padding:4px 12px 12px;border-radius:8px;" +
      "overflow-x:auto";
    const follow = () => {
      frame.style.filter = isDark() ? "invert(0.92) hue-rotate(180deg)" : "none";
    };
    follow();
    onThemeChange(follow);
    // It sets tokens edge to edge: words that bring no blank of their own would run together.
    const apart = document.createElement("style");
    apart.textContent =
      `#${frame.id} .tokens button { margin-right: 4px; padding: 3px 4px !important; ` +
      "border-radius: 3px; outline: 1px solid #cbd2d9; }";
    root.append(apart, frame);
    CircuitsVis.render(frame.id, CircuitsVis.AttentionPatterns, {
      attention,
      tokens: tokens.map(asHtml),
      headLabels: heads,
    });
  }

  const ready = ({ view, packed }) => mount(view, (root) => draw(root, packed));
  const waiting = window.helpersViews;
  window.helpersViews = { push: ready };
  if (Array.isArray(waiting)) waiting.forEach(ready);
}
