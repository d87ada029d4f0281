// A page asks first. Where an exercise is a number to predict, the reader writes a guess, and only
// then sees what the chapter shows, guess and truth side by side. The truth is what the solution
// below it computed in this run. Without this script everything is simply visible.
function askFirst() {
  const cells = [...document.querySelectorAll("main .jp-Cell")];
  const add = (parent, tag, attributes = {}, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const isTagged = (cell, tag) => cell.matches(`.celltag_${tag}`) || cell.querySelector(`.celltag_${tag}`);
  const isEnd = (cell) => cell.querySelector("h2") || isTagged(cell, "exercise");

  function cover(some) {
    for (const cell of some) {
      cell.classList.add("covered"); // out of sight, but as wide as it will be: figures need that
      cell.inert = true;
    }
    return () => {
      for (const cell of some) {
        cell.classList.remove("covered");
        cell.inert = false;
      }
    };
  }

  function ask(cell, open, solution) {
    const start = cells.indexOf(cell) + 1;
    const length = cells.slice(start).findIndex(isEnd);
    const uncover = cover(cells.slice(start, length < 0 ? undefined : start + length));
    const form = add(open, "form", { class: "guess" });
    const label = add(form, "label", {}, "Your guess ");
    const input = add(label, "input", { type: "text", inputmode: "decimal", autocomplete: "off", size: 8 });
    add(form, "button", {}, "Compare");
    const skip = add(form, "button", { type: "button" }, "Show without a guess");
    const said = add(open, "p", { class: "guessed", role: "status" });
    const show = (guess) => {
      const truth = solution.querySelector("[data-answer]").dataset.answer;
      said.textContent = `${guess === null ? "" : `Your guess: ${guess}. `}In this run: ${truth}.`;
      open.querySelector("strong")?.remove();
      form.remove();
      uncover();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const guess = Number(input.value.replace(",", ".").replace("%", "").trim() || "nothing");
      if (Number.isFinite(guess)) show(input.value.trim());
      else said.textContent = "Write a number, for example 0.5.";
    });
    skip.addEventListener("click", () => show(null));
    return skip;
  }

  for (const cell of cells.filter((other) => other.matches(".celltag_solution"))) {
    const fold = document.createElement("details");
    fold.className = "solution";
    add(fold, "summary", {}, "Solution");
    cell.prepend(fold);
    fold.append(...[...cell.childNodes].filter((node) => node !== fold));
  }
  const skips = [];
  for (const open of document.querySelectorAll('.helpers-check[data-state="open"][data-kind="number"]')) {
    const cell = open.closest(".jp-Cell");
    const solution = cells.find((other) => other.matches(".celltag_solution")
      && other.querySelector(`[data-check=${JSON.stringify(open.dataset.check)}][data-state="right"]`));
    if (solution) skips.push(ask(cell, open, solution)); // else the run ended before it
  }
  if (skips.length) {
    const line = document.createElement("p");
    line.className = "ask-first";
    line.append("This page asks before it shows. ");
    const all = add(line, "button", { type: "button" }, "Show everything");
    all.addEventListener("click", () => {
      for (const skip of skips) if (skip.isConnected) skip.click();
      for (const fold of document.querySelectorAll("details.solution")) fold.open = true;
      line.remove();
    });
    document.querySelector("main h1").after(line);
  }
}
