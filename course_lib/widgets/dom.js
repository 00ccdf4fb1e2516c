// @ts-check
// Small helpers that make the parts of a page, shared by all widgets.

/**
 * A new element, as the last child of `parent` if there is one.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {Element | null} [parent]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

/**
 * The same for parts of an SVG picture.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {Element} parent
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function shape(tag, attributes, parent, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

/**
 * A button; `label` is for screen readers and tooltips, where the text alone does not say it.
 * @param {Element} parent
 * @param {string} text
 * @param {() => void} action
 * @param {string} [label]
 */
export function button(parent, text, action, label) {
  const node = element("button", "", parent, text);
  node.type = "button";
  keepKeys(node);
  if (label) labelled(node, label);
  node.addEventListener("click", action);
  return node;
}

/**
 * Give an element a tooltip that screen readers say as well.
 * @param {HTMLElement} node
 * @param {string} label
 */
export function labelled(node, label) {
  node.title = label;
  node.setAttribute("aria-label", label);
}

/**
 * Keep JupyterLab from taking the keys that are pressed while this element has the focus. JupyterLab looks at the
 * focused element only, not at those around it.
 * @param {HTMLElement} node
 */
export function keepKeys(node) {
  node.dataset.lmSuppressShortcuts = "true";
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function context2d(canvas, settings) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));
}
