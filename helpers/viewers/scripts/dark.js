// JupyterLab and our pages say it on the body, VS Code in a class, a plain file not at all.
function isDark() {
  const said = document.body.dataset.jpThemeLight;
  if (said) return said === "false";
  if (document.body.classList.contains("vscode-dark")) return true;
  if (document.body.classList.contains("vscode-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function onThemeChange(react) {
  new MutationObserver(react).observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "class"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", react);
}
