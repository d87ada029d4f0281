// The page with a live model in it: story, workbench, engine.
function play(root, { about, groups, roles, words, look, start, diagram, code, data }) {
  const bench = new Workbench(root, {
    about, groups, look, start,
    others: roles.others,
    words: words.slice(2),
    ask: startEngine(code, { ...data, about, words }),
    address: true,
  });
  Object.assign(bench, { roles, diagram });
  const story = tellStory(bench);
  if (!location.hash) story.open(0);
  root.dataset.live = "yes";
  window.helpersBench = bench; // for who looks into the page with the browser's own tools
}
