// The table of variables.

import { Past, glyph, spreadPath, trendPath } from "./gradients.js";
import { button, count, figures, make, say, typed } from "./page.js";

const TREND = 60, PAST = 200; // gradient norms of a sparkline, histograms that are drawn
const WAIT = 1500; // milliseconds in which a switch stays as it was put, for Python to follow
// What is not for panels of each width stands only in those over so many pixels; `Past` tells it in the others.
const COLUMNS = [
  ["name", "Name", "left"],
  ["shape", "Shape", "left over-760"],
  ["trainable", "Train", "left"],
  ["norm", "|grad|", ""],
  ["trend", "Trend", "over-600"],
  ["spread", "Histogram", "over-600"],
  ["ratio", "update/value", ""],
  ["mean", "Mean", "over-900"],
  ["std", "Std", "over-900"],
  ["min", "Min", "over-1180"],
  ["max", "Max", "over-1180"],
  ["bad", "NaN/Inf", ""],
  ["kind", "Type", "left over-1180"],
  ["device", "Device", "left over-1180"],
];

/** The variables as a tree of scopes, whose rows are made once and then only filled. */
export class Variables {
  constructor(send) {
    this.send = send;
    this.rows = [];
    this.folded = new Set();
    this.pending = new Map();
    this.sort = null;
    const arrange = () => this.arrange();
    this.filter = make("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter variables by name", oninput: arrange });
    this.count = make("span", { class: "soft" });
    this.heads = COLUMNS.map(([key, label, side]) => make("th", { scope: "col", class: side }, button(label, () => this.order(key))));
    this.body = make("tbody");
    const caption = make("caption", { class: "spoken", text: "Variables" });
    const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of variables" }, table);
    this.title = make("summary", { text: "Variables" });
    this.past = new Past();
    this.node = typed(make("details", { open: true }, this.title, make("div", { class: "row" }, this.filter, this.count), scroll, this.past.node));
  }

  build(variables) {
    const names = variables.map((v) => v.name).join("\n");
    if (names === this.names) return;
    this.names = names;
    this.variables = variables;
    this.rows = [];
    const scopes = new Map();
    variables.forEach((variable, i) => {
      const parts = variable.name.split("/");
      for (let depth = 1; depth < parts.length; depth++) {
        const path = parts.slice(0, depth).join("/");
        if (!scopes.has(path)) {
          const scope = this.scope(path, parts[depth - 1], depth - 1);
          scopes.set(path, scope);
          this.rows.push(scope);
        }
        scopes.get(path).members.push(i);
      }
      this.rows.push(this.variable(variable, i, parts[parts.length - 1], parts.length - 1));
    });
    const size = variables.reduce((sum, v) => sum + v.size, 0);
    say(this.title, `Variables (${variables.length}, ${count(size)} values)`);
    this.body.replaceChildren(...this.rows.map((row) => row.node));
    this.arrange();
  }

  scope(path, label, depth) {
    const fold = button("▾", () => {
      const closed = !this.folded.delete(path) && Boolean(this.folded.add(path));
      fold.setAttribute("aria-expanded", String(!closed));
      say(fold, closed ? "▸" : "▾");
      this.arrange();
    }, { class: "fold", "aria-expanded": "true", "aria-label": `Fold ${path}` });
    const toggle = this.toggle(path, `Train all of ${path}`);
    const name = make("th", { scope: "row", title: path }, fold, make("span", { text: label }));
    name.style.setProperty("--indent", `${8 + depth * 14}px`);
    const note = make("td", { class: "left soft over-760" });
    const node = make("tr", { class: "scope" }, name, note, make("td", { class: "left" }, toggle), make("td", { colspan: COLUMNS.length - 3 }));
    return { path, node, toggle, note, members: [] };
  }

  variable(variable, i, label, depth) {
    const { name: path, shape, dtype, device, size, switchable } = variable;
    const opens = button(label, () => this.choose(i), { class: "name", "aria-pressed": "false" });
    const name = make("th", { scope: "row", title: `${path}: show its gradients over time` }, opens);
    name.style.setProperty("--indent", `${depth ? 22 + depth * 14 : 8}px`);
    const toggle = this.toggle(path, `Train ${path}`);
    toggle.hidden = toggle.disabled = !switchable;
    const trend = glyph("line"), spread = glyph("area");
    const has = { shape, trainable: switchable ? toggle : "never", trend: trend.svg, spread: spread.svg, kind: dtype, device };
    const cells = Object.fromEntries(COLUMNS.slice(1).map(([key, , side]) => [key, make("td", { class: side }, has[key] ?? "–")]));
    const sorts = { name: path, shape: size, kind: dtype, device }, told = `${path}: ${dtype} ${shape} on ${device}`;
    const node = make("tr", {}, name, ...Object.values(cells));
    return { i, path, leaf: label, told, name, node, toggle, cells, trend, spread, sorts, norms: [], spreads: [] };
  }

  toggle(path, label) {
    const onchange = ({ target }) => {
      this.pending.set(path, Date.now());
      this.send("trainable", [path, target.checked]);
    };
    return make("input", { type: "checkbox", role: "switch", "aria-label": label, title: label, onchange });
  }

  update(trainable, rows, looks) {
    const isNew = looks !== this.looks;
    this.looks = looks;
    for (const row of this.rows) {
      const waits = Date.now() - (this.pending.get(row.path) || 0) < WAIT;
      if (row.members) {
        const open = row.members.filter((i) => this.variables[i].switchable);
        const on = open.filter((i) => trainable[i]).length;
        if (!waits) {
          row.toggle.checked = on > 0 && on === open.length;
          row.toggle.indeterminate = on > 0 && on < open.length;
          row.toggle.hidden = !open.length;
        }
        say(row.note, on === open.length ? "" : `${on} of ${open.length} trained`);
      } else {
        if (!waits || row.toggle.checked === trainable[row.i]) {
          row.toggle.checked = trainable[row.i];
          this.pending.delete(row.path);
        }
        row.sorts.trainable = trainable[row.i];
        if (rows[row.i] && isNew) this.fill(row, rows[row.i]);
      }
    }
    if (isNew && this.sort) this.arrange();
    if (isNew) this.showPast();
  }

  fill(row, [[mean, std, min, max], gradient, ratio, flow, spread, bad]) {
    const [, wide, , , norm] = gradient || [], shown = { mean, std, min, max, norm, ratio };
    Object.assign(row.sorts, shown, { bad, trend: norm, spread: wide });
    for (const [key, x] of Object.entries(shown)) say(row.cells[key], figures(x));
    say(row.cells.bad, bad || "0");
    row.cells.bad.classList.toggle("alarm", Boolean(bad));
    row.cells.norm.classList.toggle("alarm", Boolean(flow));
    row.cells.norm.title = flow || "";
    row.norms.push(norm);
    if (row.norms.length > TREND) row.norms.shift();
    row.trend.path.setAttribute("d", trendPath(row.norms));
    row.spread.path.setAttribute("d", spread ? spreadPath(spread[2]) : "");
    if (spread && spread[2].length) row.spreads.push(spread);
    if (row.spreads.length > PAST) row.spreads.shift();
    row.cells.spread.title = spread ? `gradients from ${figures(spread[0])} to ${figures(spread[1])}` : "";
  }

  /** Show the past of one variable, or no longer. */
  choose(i) {
    this.chosen = this.chosen === i ? undefined : i;
    for (const row of this.rows) if (!row.members) row.name.firstChild.setAttribute("aria-pressed", String(row.i === this.chosen));
    this.showPast();
  }

  showPast() {
    this.past.show(this.rows.find((row) => row.i === this.chosen && !row.members), getComputedStyle(this.past.title).color);
  }

  order(key) {
    const same = this.sort && this.sort.key === key;
    this.sort = key === "name" && (!same || this.sort.down) ? null : { key, down: same ? !this.sort.down : key !== "name" };
    this.heads.forEach((head, i) => {
      const on = this.sort && COLUMNS[i][0] === this.sort.key;
      if (on) head.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      say(head.firstChild, COLUMNS[i][1] + (on ? (this.sort.down ? " ↓" : " ↑") : ""));
    });
    this.arrange();
  }

  /** Put the rows in order and hide those that are not wanted; as a tree where nothing is sorted. */
  arrange() {
    const wanted = this.filter.value.trim().toLowerCase();
    let rows = this.rows;
    if (this.sort) {
      const { key, down } = this.sort;
      rows = [...rows].sort((a, b) => {
        const x = a.sorts?.[key], y = b.sorts?.[key];
        if (x == null || y == null) return (x == null) - (y == null);
        return (x < y ? -1 : Number(x > y)) * (down ? -1 : 1);
      });
    }
    let shown = 0;
    const flat = Boolean(this.sort || wanted);
    for (const row of rows) {
      const folded = !flat && [...this.folded].some((path) => row.path.startsWith(`${path}/`));
      row.node.hidden = folded || (flat && (row.members || !row.path.toLowerCase().includes(wanted)));
      if (row.members) continue;
      say(row.name.lastChild, flat ? row.path : row.leaf);
      row.name.classList.toggle("flat", flat);
      shown += row.node.hidden ? 0 : 1;
    }
    say(this.count, wanted ? `${shown} shown` : "");
    if (rows.every((row, i) => this.body.children[i] === row.node)) return;
    const focused = this.body.getRootNode().activeElement;
    this.body.append(...rows.map((row) => row.node));
    if (this.body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

