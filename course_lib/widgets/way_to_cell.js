// @ts-check
// A link to a lab of another notebook leads there at the first click. JupyterLab looks for the cell when that notebook
// is read, but not yet drawn, and stays at its top; so the link is followed again until the lab is in sight.

/** @import { Render } from "@anywidget/types" */

const BETWEEN = 400; // milliseconds between two looks
const STEADY = 5; // looks at which the lab is in sight, until nothing moves it any more
const LOOKS_AT_MOST = 150;
const LINK = 'a[href*="#cell-id=lab-"]';

/**
 * The name of the lab that a link leads to.
 * @param {HTMLAnchorElement} link
 */
function labOf(link) {
  return decodeURIComponent(link.hash).replace(/^#cell-id=lab-(.*)-task$/, "$1");
}

/**
 * Whether the heading of a lab can be seen. Its cell begins with a heading, and names the lab first of all code.
 * @param {string} lab
 */
function isInSight(lab) {
  for (const heading of document.querySelectorAll(".jp-MarkdownCell h3")) {
    const { top, height } = heading.getBoundingClientRect();
    const view = heading.closest(".jp-WindowedPanel-outer")?.getBoundingClientRect();
    if (!view || !height || top < view.top - 1 || top > view.bottom - height) continue;
    if (heading.closest(".jp-MarkdownCell")?.querySelector("code")?.textContent === lab) return true;
  }
  return false;
}

/**
 * Follow a link that was clicked, until its lab is in sight, or until the learner does something else.
 * @param {HTMLAnchorElement} link
 * @param {AbortSignal} gone
 */
function follow(link, gone) {
  const lab = labOf(link);
  const begin = link.closest(".jp-NotebookPanel");
  const acted = new AbortController();
  for (const action of ["pointerdown", "wheel", "keydown"])
    document.addEventListener(action, () => acted.abort(), { capture: true, once: true, signal: acted.signal });
  let [looks, steady] = [0, 0];
  const look = () => {
    if (acted.signal.aborted || gone.aborted) return;
    steady = isInSight(lab) ? steady + 1 : 0;
    looks += 1;
    const isOpen = [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden)")].some(
      (panel) => panel !== begin && panel.querySelector(".jp-MarkdownCell"),
    );
    if (!steady && isOpen) link.click();
    if (steady < STEADY && looks < LOOKS_AT_MOST) setTimeout(look, BETWEEN);
    else acted.abort();
  };
  setTimeout(look, BETWEEN);
}

/** @type {Render<{}>} */
function render({ el }) {
  const gone = new AbortController();
  /** @param {MouseEvent} event */
  const clicked = (event) => {
    const link = event.target instanceof Element ? event.target.closest(LINK) : null;
    const isOurs = link && el.closest(".jp-OutputArea")?.contains(link);
    if (link instanceof HTMLAnchorElement && isOurs && event.isTrusted) follow(link, gone.signal);
  };
  document.addEventListener("click", clicked, { capture: true, signal: gone.signal });
  return () => gone.abort();
}

export default { render };
