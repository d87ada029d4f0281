// Six steps through the workbench: look, say what you expect, then see what the model does.
// The answers are made from the model's numbers, and no head is named here: `groups` found them.

const RING = "the old king gave the gold ring to anna, and then the old king gave the gold";
const TARGET = "ring";
const TWICE = "dog river under yellow seven bread apple door mountain winter";

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const chanceOf = ({ choices }, word) => choices.find(([other]) => other === word)?.[1] ?? 0;
const cleanOf = ({ choices }, word) => choices.find(([other]) => other === word)?.[2] ?? 0;
const list = (heads) => heads.join(", ");

// What to try when the story is told. What is found is asked of the model, for this text and others.
const PAIRS = [["ring", "door"], ["cat", "tree"], ["bread", "snow"], ["house", "river"], ["dog", "apple"], ["lake", "king"]];
const ROUNDS = ["dog cat", "king queen", "apple bread", "cat dog", "river door", "winter yellow", "lake snow", "tree house"];
const follow = ([first, second]) => `the gold ${first} and the gold ${second} and the gold`;

const EXPERIMENTS = [
  {
    title: "Two followers",
    text: follow(PAIRS[0]),
    ask: "“gold” was followed by “ring”, later by “door”. Which of them does it say? Swap the two, and try others: is it the word that counts, or its place?",
    async find(bench, said) {
      let early = 0, late = 0;
      for (const pair of PAIRS) {
        for (const [first, second] of [pair, [...pair].reverse()]) {
          const word = await said(follow([first, second]));
          early += word === first;
          late += word === second;
        }
      }
      const votes = lookersAt(bench, await bench.query(clean(bench, follow(PAIRS[0]))), PAIRS[0]);
      return `In ${2 * PAIRS.length} such texts it says the earlier follower ${early} times and the later one ${late} times. No rule for all: each induction head looks for itself, and what they write is added up. In this text ${votes[0]} of ${bench.roles.induction.length} look most at “${PAIRS[0][0]}” and ${votes[1]} at “${PAIRS[0][1]}”.`;
    },
  },
  {
    title: "A short round",
    text: "dog cat dog",
    ask: "Two words, and the first of them again. Does it say the second? Make the round longer, and try other words.",
    async find(bench, said) {
      let short = 0, long = 0;
      for (const round of ROUNDS) {
        const [first, second] = round.split(" ");
        short += (await said(`${round} ${first}`)) === second;
        long += (await said(`${round} under seven old ${first}`)) === second;
      }
      return `Of ${ROUNDS.length} rounds of two words it completes ${short}, with three words more in them ${long}. It depends on the words too: looking at the right word is not yet saying it, for what all heads write is added up.`;
    },
  },
  {
    title: "Out of step",
    text: "dog river under yellow seven dog river king",
    ask: "In the second round stands a word that is new, so nothing came after it before. What does it say now? Go on with a word of the round: is it back?",
    async find(bench, said) {
      const text = this.text;
      const answer = await bench.query(clean(bench, text));
      const [start, first] = lookersAt(bench, answer, [answer.tokens[0], "dog"]);
      const back = await said(`${text} yellow`);
      return `It says “${answer.choices[0][0]}”. Of its ${bench.roles.induction.length} induction heads ${start} look most at the start, for they find nothing, and ${first} at “dog”, with which the round began. One known word, “yellow”, and it says “${back}”.`;
    },
  },
];

const clean = (bench, text) => ({ ...bench.state, text, off: [], method: "mean", at: null });

// How many induction heads look, from the last word, most at each of these words.
function lookersAt(bench, { tokens, patterns }, words) {
  const size = tokens.length;
  const most = bench.roles.induction.map((name) => {
    const { layer, head } = bench.headOf(name);
    const start = (layer * bench.about.heads + head) * size * size + (size - 1) * size;
    const row = patterns.subarray(start, start + size);
    return tokens[row.indexOf(Math.max(...row))];
  });
  return words.map((word) => most.filter((other) => other === word).length);
}

function storyOf({ induction, previous, others: all }, vocabulary) {
  const [best] = induction;
  const headOf = (name) => {
    const [, layer, head] = NAME.exec(name).map(Number);
    return { layer, head };
  };
  const many = induction.slice(0, 6);
  const others = all.slice(0, many.length);
  const ring = (off, look = best) => ({ text: RING, off, method: "mean", at: null, ...headOf(look) });
  // How much the last word attends to the target, the word after the same word before.
  const lookBack = (bench, answer) => {
    const size = answer.tokens.length;
    const place = answer.tokens.indexOf(TARGET);
    const { layer, head } = bench.state;
    const start = (layer * bench.about.heads + head) * size * size;
    return answer.patterns[start + (size - 1) * size + place];
  };
  return [
    {
      title: "What comes next?",
      state: ring([]),
      hide: "choices pattern",
      question: "The model read this sentence, word by word. Which word will it put next?",
      options: ["“king”", "“ring”", "It cannot know"],
      right: 1,
      reveal: async (bench, answer) => {
        const [word, now] = answer.choices[0];
        const last = answer.tokens.length - 1;
        const before = await bench.query({ ...ring([]), at: last - 1 });
        const missed = `The bar under the last “${answer.tokens[last]}” is high, because after “${answer.tokens[last - 1]}” the model had bet on “${before.choices[0][0]}”, which also came after it: such a bet is lost now and then.`;
        return `“${word}”, with ${percent(now)}. “gold” stood there before, and “${TARGET}” came after it. This model knows no English. It knows how to repeat. ${before.choices[0][0] === answer.tokens[last] ? "" : missed}`;
      },
    },
    {
      title: "Nonsense, twice",
      state: { text: `${TWICE} ${TWICE}`, off: [], method: "mean", at: null, ...headOf(best) },
      hide: "losses choices pattern heads",
      question: "Ten words without any sense, and the same ten again. Which words will it not see coming?",
      options: ["All twenty", "The first ten", "The first ten and the eleventh"],
      right: 2,
      reveal: (bench, { losses }) => {
        const [first, boundary, rest] = [mean([...losses.slice(1, 11)]), losses[11], mean([...losses.slice(12)])];
        return `The less a word was expected, the more it costs: nothing if it was certain, ${Math.log(vocabulary).toFixed(1)} nats (the unit) for a blind guess, and more if it had bet on another word. The first ten cost ${first.toFixed(1)} nats each, the eleventh ${boundary.toFixed(1)}: that a repeat begins cannot be known. The other nine cost ${rest.toFixed(2)}. So what helps is not meaning; it looks up what came after the same word before.`;
      },
    },
    {
      title: "Who looks it up?",
      state: ring([]),
      hide: "readout",
      show: "pattern",
      question: `The model is built in layers, and in each layer of attention heads. At every word a head looks back at earlier words (that is attention: shares that add up to 1) and carries something over from there. ${best} is head ${headOf(best).head} of layer ${headOf(best).layer}, counted from 0. Its large square has a row for each word that looks, and a mark where it looks. In the last row, the last “gold”: at which word?`,
      options: ["At the “gold” before", "At “ring”, the word after the “gold” before", "At the first word"],
      right: 1,
      reveal: (bench, answer) => {
        const value = lookBack(bench, answer);
        return `At “${TARGET}”, with attention ${value.toFixed(2)}: not at the same word, but at the one after it. A head that does this is an induction head. Here are ${induction.length}: ${list(induction)}. Where it finds nothing, a head looks at ${answer.tokens[0]}, the mark of the start, as in the upper rows of the square.`;
      },
    },
    {
      title: "Take it out",
      state: ring([best]),
      hide: "choices losses pattern heads",
      question: `${best} shows this pattern most clearly on random words. It is now taken out: what it writes is replaced by its average over other sentences, so it says nothing about this one. Will the model forget the ring?`,
      options: ["Yes", "No"],
      right: 1,
      reveal: (bench, answer) =>
        `“${TARGET}” has ${percent(chanceOf(answer, TARGET))}, before ${percent(cleanOf(answer, TARGET))}. The other induction heads do the same work, so one of them can go: that is redundancy.`,
    },
    {
      title: "Take the group out",
      state: ring(many),
      hide: "choices losses pattern heads",
      question: `Now ${many.length} of the ${induction.length} induction heads are out. And had we taken ${many.length} other heads instead?`,
      options: ["Both hurt about the same", "It forgets without the induction heads only", "It remembers in both cases"],
      right: 1,
      reveal: async (bench, answer) => {
        const other = await bench.query({ ...ring(others) });
        return `Without these ${many.length} “${TARGET}” has ${percent(chanceOf(answer, TARGET))}. Without ${list(others)} instead, drawn by chance: ${percent(chanceOf(other, TARGET))}. So it is this group that does it, and not that so many heads are missing. (Every reader gets these ${others.length} here; below, “As many others, by chance” draws new ones.)`;
      },
    },
    {
      title: "The other kind",
      state: ring([previous], previous),
      hide: "choices losses heads",
      show: "pattern",
      question: `All induction heads are back. A single head is out, ${previous}, in an earlier layer. Its square shows where it looks: always at the word just before. What happens without it?`,
      options: ["Nothing: one head can go", "It forgets the ring"],
      right: 1,
      reveal: async (bench, answer) => {
        const whole = await bench.query({ ...ring([]) });
        await bench.change(headOf(best));
        const [word, now] = answer.choices[0];
        const guess = answer.tokens.includes(word) ? "" : ` Its first choice is now “${word}” (${percent(now)}), which stands nowhere in the text; why just that one, this page does not show.`;
        return `“${TARGET}” has ${percent(chanceOf(answer, TARGET))}.${guess} And look at the square of ${best}, which was not touched: the last “gold” looked at “${TARGET}” with ${lookBack(bench, whole).toFixed(2)}, now with ${lookBack(bench, answer).toFixed(2)}. ${previous} notes at each word which word came before it. That note, “after gold”, is what an induction head searches for.`;
      },
    },
  ];
}

// The steps above the workbench: one is open, its answer hidden until the reader has chosen.
function tellStory(bench) {
  const steps = storyOf(bench.roles, bench.about.vocabulary);
  const box = make(bench.top, "section", { class: "story", "aria-label": "A story in six steps" });
  const line = make(box, "div", { class: "bar steps", role: "group", "aria-label": "Steps" });
  const body = make(box, "div", { class: "step" });
  const buttons = steps.map(({ title }, i) => {
    const button = make(line, "button", { type: "button" }, `${i + 1} ${title}`);
    button.addEventListener("click", () => open(i));
    return button;
  });
  const free = make(line, "button", { type: "button" }, "Play freely");
  free.addEventListener("click", () => close());
  let opened = null;
  // Who writes a text of their own has left the story.
  bench.listeners.push(() => {
    if (opened === null || bench.state.text === steps[opened].state.text) return;
    leave();
    body.querySelector(".asked").textContent = "Your own text: the story is left. Its steps, above, bring it back.";
  });

  function close(told = false) {
    bench.change({ off: [] }); // nobody starts to play with a broken model
    leave(told);
  }

  function leave(told = false) {
    opened = null;
    bench.hide("");
    mark();
    body.replaceChildren();
    const line = make(body, "div", { class: "bar", role: "group", "aria-label": "Experiments" });
    make(line, "span", {}, "Write what you like, or try:");
    const asked = make(body, "p", { class: "asked", role: "status" });
    const said = async (text) => (await bench.query(clean(bench, text))).choices[0][0];
    for (const experiment of EXPERIMENTS) {
      make(line, "button", { type: "button" }, experiment.title).addEventListener("click", () => {
        bench.change({ text: experiment.text, off: [], at: null });
        asked.textContent = `${experiment.ask} `;
        const find = make(asked, "button", { type: "button" }, "What it does");
        find.addEventListener("click", async () => {
          asked.textContent = `${experiment.ask} `;
          make(asked, "strong", {}, await experiment.find(bench, said));
        });
      });
    }
    const summary = make(body, "details", { class: "summary" });
    summary.open = told;
    make(summary, "summary", {}, "What you have seen: the two kinds of head");
    make(summary, "p", {}, "A previous-token head writes down, at each word, which word came before it. An induction head that reads “gold” looks for the word with the note “after gold”, and makes that word likelier. Without the notes it finds nothing. There are several induction heads, and what they write is added up: on many texts one of them is not missed, but the group is. Of the other kind one head does most of the work here, so it is missed at once.");
    make(summary, "img", { src: bench.diagram.src, alt: bench.diagram.alt, class: "diagram" });
  }

  function mark() {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === opened)));
    free.setAttribute("aria-pressed", String(opened === null));
    bench.box.dataset.show = opened === null ? "free" : steps[opened].show ?? "";
  }

  function open(i, change = true) {
    opened = i;
    mark();
    const step = steps[i];
    bench.hide(step.hide);
    if (change) bench.change(step.state);
    body.replaceChildren();
    make(body, "p", { class: "question" }, step.question);
    const choices = make(body, "div", { class: "bar options", role: "group", "aria-label": "What do you expect?" });
    step.options.forEach((text, choice) => {
      make(choices, "button", { type: "button" }, text).addEventListener("click", (event) => reveal(i, choice, event.target));
    });
  }

  async function reveal(i, choice, button) {
    const step = steps[i];
    await bench.change(step.state);
    const text = await step.reveal(bench, await bench.query({ ...bench.state }));
    if (opened !== i) return;
    bench.hide("");
    body.querySelectorAll(".options button").forEach((other, k) => {
      other.classList.toggle("correct", k === step.right);
      other.setAttribute("aria-pressed", String(other === button));
    });
    body.querySelector(".answer")?.remove();
    const answer = make(body, "div", { class: "answer", role: "status" });
    make(answer, "p", {}, `${choice === step.right ? "As you said." : "Not quite."} ${text}`);
    const next = i + 1 < steps.length ? "Next step" : "Now play freely";
    make(answer, "button", { type: "button", class: "next" }, next).addEventListener("click", () =>
      i + 1 < steps.length ? open(i + 1) : close(true),
    );
  }

  leave();
  return { open };
}
