// What the parts of the panel are made with. Text that comes from Python reaches the page by textContent only.

/** An element with text, attributes and listeners. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

export const button = (text, onclick, more = {}) => make("button", { type: "button", text, onclick, ...more });

/** Change text only where it differs, so that a reader's selection stays. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A node whose keys JupyterLab does not take for its own. */
export function typed(node) {
  for (const event of ["keydown", "keyup"]) node.addEventListener(event, (e) => e.stopPropagation());
  return node;
}

export const count = (n) => n.toLocaleString("en");

export function figures(x, digits = 4) {
  if (x == null) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(Math.max(digits - 2, 0));
  return String(Number(x.toPrecision(digits)));
}
