// Light or dark is a matter of style sheets; views ask the body, as they do in JupyterLab.
// Paper is always light.
(() => {
  const dark = matchMedia("screen and (prefers-color-scheme: dark)");
  const say = () => {
    document.body.dataset.jpThemeLight = String(!dark.matches);
    document.body.dataset.jpThemeName = dark.matches ? "JupyterLab Dark" : "JupyterLab Light";
  };
  say();
  dark.addEventListener("change", say);
})();
