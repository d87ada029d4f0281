// Who answers: a worker made from the page's own text, or the page itself where there is none.

// In the worker: the first message is the model, every other one a question.
const SERVE = `
let engine = null;
onmessage = ({ data }) => {
  if (!engine) engine = makeEngine(data);
  else postMessage({ number: data.number, answer: engine(data.state) });
};`;

// Returns ask(state), a promise of an answer. `code` is gpt2.js and engine.js.
function startEngine(code, data) {
  let onPage = null; // the engine, once no worker can be had
  const waiting = new Map();
  let number = 0;
  let worker = null;

  function answerHere(state) {
    onPage ??= new Function(`${code}; return makeEngine;`)()(data);
    return new Promise((done) => setTimeout(() => done(onPage(state)))); // the page paints first
  }

  function giveUp(error) {
    console.info("No worker here, so the page computes itself:", String(error?.message ?? error));
    worker?.terminate();
    worker = null;
    for (const { state, done, fail } of waiting.values()) answerHere(state).then(done, fail);
    waiting.clear();
  }

  try {
    const address = URL.createObjectURL(new Blob([code, SERVE], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = ({ data: { number: which, answer } }) => {
      waiting.get(which)?.done(answer);
      waiting.delete(which);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      giveUp(event);
    };
    worker.postMessage(data);
  } catch (error) {
    giveUp(error);
  }

  return (state) => {
    if (!worker) return answerHere(state);
    number += 1;
    const which = number;
    return new Promise((done, fail) => {
      waiting.set(which, { state, done, fail });
      worker.postMessage({ number: which, state });
    });
  };
}
