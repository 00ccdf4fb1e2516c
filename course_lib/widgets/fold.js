// @ts-check
// What would answer an open question is folded: the outputs of the next code cells, with `code` their source, and the
// text up to the code cell behind them, the next heading or question.
// Where no script runs, a style sheet in the question's output folds outputs and source. With ten of those every change
// of a page takes 30 to 60 ms longer to draw, so each is off while a script does its work.

/** @typedef {{ reveals: number, code: boolean, says: string }} Folding */

const CELL = ".jp-Cell";
const FOLDS = ["cg-folded", "cg-folded-code", "cg-folded-text", "cg-folded-says"];

/**
 * The questions of a notebook that are open. They are kept with its element: every widget has a script of its own.
 * JupyterLab puts cells into the page, and takes them out, while one scrolls; then their folds are looked at again.
 * @param {Element} notebook
 * @param {Element} question
 * @returns {Map<Element, Folding>}
 */
function openQuestions(notebook, question) {
  const keeper = /** @type {{ cgOpenQuestions?: Map<Element, Folding> }} */ (/** @type {unknown} */ (notebook));
  const cells = question.closest(CELL)?.parentElement;
  if (!keeper.cgOpenQuestions && cells) {
    const open = new Map();
    keeper.cgOpenQuestions = open;
    new MutationObserver(() => fold(notebook, open)).observe(cells, { childList: true });
  }
  return keeper.cgOpenQuestions ?? new Map();
}

/**
 * Note that a question is open, or with null that it is not, and fold what follows from all of them.
 * @param {Element} notebook
 * @param {Element} question
 * @param {Folding | null} folding
 */
export function noteQuestion(notebook, question, folding) {
  const open = openQuestions(notebook, question);
  if (folding) open.set(question, folding);
  else open.delete(question);
  fold(notebook, open);
}

/**
 * @param {Element} notebook
 * @param {Map<Element, Folding>} open
 */
function fold(notebook, open) {
  for (const cell of notebook.querySelectorAll(FOLDS.map((name) => `.${name}`).join())) cell.classList.remove(...FOLDS);
  for (const [question, { reveals, code, says }] of open) {
    const start = question.closest(CELL);
    for (const [cell, names] of start ? following(start, reveals, code) : []) {
      cell.classList.add(...names);
      cell.style.setProperty("--cg-folded", JSON.stringify(says));
    }
  }
}

/**
 * The cells behind a question's with the names of what is folded in each.
 * @param {Element} start
 * @param {number} reveals
 * @param {boolean} code
 * @returns {Generator<[HTMLElement, string[]]>}
 */
export function* following(start, reveals, code) {
  let [left, text] = [reveals, true];
  for (let cell = start.nextElementSibling; cell; cell = cell.nextElementSibling) {
    if (!(cell instanceof HTMLElement && cell.matches(CELL))) continue;
    if (cell.classList.contains("jp-CodeCell")) {
      if (asks(cell)) text = false;
      else if (left-- > 0) yield [cell, code ? ["cg-folded", "cg-folded-code"] : ["cg-folded"]];
      else return;
    } else if (text && cell.classList.contains("jp-MarkdownCell")) {
      const ends = cell.querySelector("h1, h2, h3, h4") !== null;
      // text right behind the question says that it is folded; code cells say it by themselves
      const says = cell.previousElementSibling === start && !ends;
      if (ends || !asks(cell.nextElementSibling))
        yield [cell, says ? ["cg-folded-text", "cg-folded-says"] : ["cg-folded-text"]];
      text = !ends;
    }
  }
}

/** @param {Element | null} cell */
function asks(cell) {
  return cell?.querySelector(".cg-asks") != null;
}
