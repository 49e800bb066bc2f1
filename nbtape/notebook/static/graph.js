// @ts-check
// The picture of a graph. Python lays it out and draws it; this makes nodes of the drawing, and tells Python
// what is clicked. What came from the user reaches the page as text only.

const SVG = "http://www.w3.org/2000/svg";
const ATTRIBUTES = new Set(["class", "data-key", "viewBox", "width", "height", "x", "y", "rx", "d", "fill", "stroke",
  "text-anchor", "aria-label", "aria-level", "role"]);

/** An element of the page with properties and children. */
function el(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/** A node of the picture: `[name, attributes, ...children]`. */
function made([name, attributes, ...children]) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (ATTRIBUTES.has(key)) node.setAttribute(key, value);
  for (const child of children) node.append(typeof child === "string" ? child : made(child));
  return node;
}

function button(text, act, title = "") {
  return el("button", { type: "button", textContent: text, title, ariaLabel: title || null, onclick: act });
}

function select(label, act) {
  const node = el("select", { onchange: () => act(node.value) });
  return [el("label", {}, `${label} `, node), node];
}

function options(node, pairs, chosen) {
  node.replaceChildren(...pairs.map(([value, text]) => el("option", { value, textContent: text, selected: value === chosen })));
}

export default {
  render({ model, el: root }) {
    const ask = (what, given = "") => model.send({ do: what, with: given });
    const title = el("b"), count = el("span", { className: "soft" });
    const [pathLabel, path] = select("gradient by", (v) => ask("follow", v));
    const [colourLabel, colour] = select("colours", (v) => ask("colour", v));
    let zoom = 0, scale = 1, focus = "";  // without a zoom of the reader's, the picture is as large as there is room
    const enlarge = (by) => { zoom = by ? Math.min(2, Math.max(0.3, scale * by)) : 0; size(); };
    const bar = el("div", { className: "nbg-bar" }, title, count, el("span", { className: "push" }), pathLabel, colourLabel,
      el("span", { className: "nbg-keys" }, button("Fold all", () => ask("open", "none")), button("Open all", () => ask("open", "all"))),
      el("span", { className: "nbg-keys" }, button("−", () => enlarge(1 / 1.25), "Smaller"), button("+", () => enlarge(1.25), "Larger"),
        button("Fit", () => enlarge(0))));
    const told = el("div", { className: "nbg-told", role: "status" });
    const stage = el("div", { className: "nbg-scroll" });
    const facts = el("aside", { className: "nbg-facts" });
    root.classList.add("nbg", "nbg-live");
    root.replaceChildren(bar, told, el("div", { className: "nbg-body" }, stage, facts));
    // The same picture stands above as a page without a script, for those who have no kernel.
    const still = root.closest(".jp-OutputArea-child")?.previousElementSibling?.querySelector(".nbg-page");
    if (still) still.hidden = true;

    // Where a box is now: what was opened stays where it was clicked.
    const spot = (key) => items().find((node) => node.dataset.key === key)?.getBoundingClientRect();
    const items = () => [...stage.querySelectorAll("[role=treeitem]")];
    function size() {
      const svg = stage.firstElementChild;
      const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
      scale = zoom || Math.max(0.6, Math.min(1, (stage.offsetWidth - 28) / width));
      svg.setAttribute("width", `${width * scale}`);
      svg.setAttribute("height", `${height * scale}`);
    }

    function draw() {
      const state = model.get("state"), had = stage.contains(document.activeElement);
      const before = spot(focus);
      title.textContent = state.title;
      count.textContent = state.count;
      options(path, [["", "–"], ...state.sources.map((name) => [name, name])], state.wrt);
      options(colour, state.colours.map((name) => [name, name]), state.colour);
      pathLabel.hidden = !state.sources.length;
      told.textContent = state.told;
      told.classList.toggle("ends", state.ends);
      const svg = made(state.picture);
      svg.setAttribute("role", "tree");
      const chosen = state.chosen?.key;
      for (const node of svg.querySelectorAll("g.nbg-box:has(title)")) {
        const label = node.querySelector("title").textContent;
        node.setAttribute("role", "treeitem");
        node.setAttribute("tabindex", "-1");
        node.setAttribute("aria-label", label);
        node.setAttribute("aria-selected", String(node.dataset.key === chosen));
        if (node.classList.contains("group")) node.setAttribute("aria-expanded", String(node.classList.contains("open")));
      }
      stage.replaceChildren(svg);
      tell(state.chosen);
      size();
      const after = spot(focus);
      if (before && after) stage.scrollBy(after.left - before.left, after.top - before.top);
      const at = items().find((node) => node.dataset.key === focus) ?? items()[0];
      at?.setAttribute("tabindex", "0");
      if (had) at?.focus({ preventScroll: true });
    }

    function tell(chosen) {
      facts.hidden = !chosen;
      if (!chosen) return;
      const parts = [el("h4", { textContent: chosen.name }), el("div", { className: "soft", textContent: chosen.kind })];
      if (chosen.path && chosen.path !== chosen.name) parts.push(el("div", { className: "soft small", textContent: chosen.path }));
      if (chosen.line) parts.push(el("div", { className: "line", textContent: chosen.line }), el("pre", { textContent: chosen.text }));
      for (const note of chosen.notes) parts.push(el("div", { textContent: note }));
      for (const [head, rows] of chosen.lists) {
        const lines = rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row", textContent: name }), el("td", { textContent: value })));
        parts.push(el("table", {}, el("caption", { textContent: head }), el("tbody", {}, ...lines)));
      }
      facts.replaceChildren(...parts);
    }

    const box = (event) => event.target.closest?.("[data-key]");
    function act(node) {
      focus = node.dataset.key;
      ask(node.classList.contains("open") || node.classList.contains("group") ? "toggle" : "choose", focus);
    }
    stage.addEventListener("click", (event) => { const node = box(event); if (node) act(node); });
    stage.addEventListener("keydown", (event) => {
      const node = event.target.closest("[role=treeitem]"), all = items(), i = all.indexOf(node);
      if (!node) return;
      const expanded = node.getAttribute("aria-expanded");
      const to = { ArrowDown: all[i + 1], ArrowUp: all[i - 1], Home: all[0], End: all.at(-1) }[event.key];
      if (to) {
        node.setAttribute("tabindex", "-1");
        to.setAttribute("tabindex", "0");
        to.focus();
        focus = to.dataset.key;
      } else if (event.key === "Enter" || event.key === " ") act(node);
      else if (event.key === "ArrowRight" && expanded === "false") act(node);
      else if (event.key === "ArrowLeft" && expanded === "true") act(node);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    model.on("change:state", draw);
    draw();
    const room = new ResizeObserver(size);
    room.observe(stage);
    return () => { room.disconnect(); model.off("change:state", draw); if (still) still.hidden = false; };
  },
};
