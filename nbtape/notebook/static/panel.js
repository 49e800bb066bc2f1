// The live panel. All text that comes from Python reaches the page by textContent; nothing is fetched.

const HUES = ["c0", "c1", "c2", "c3", "c4", "c5"], COLOURS = HUES.length;
const DASHES = [[5, 3], [1.5, 2.5], [8, 3, 2, 3]];
const TREND = 60, PAST = 200; // gradient norms of a sparkline, histograms that are drawn
const SPOKEN = 5000; // milliseconds between two things that are read aloud
const COLUMNS = [
  ["name", "Name", "left"],
  ["shape", "Shape", "left"],
  ["trainable", "Train", "left"],
  ["norm", "|grad|", ""],
  ["trend", "Trend", ""],
  ["spread", "Histogram", ""],
  ["ratio", "update/value", ""],
  ["mean", "Mean", ""],
  ["std", "Std", ""],
  ["min", "Min", ""],
  ["max", "Max", ""],
  ["bad", "NaN/Inf", ""],
  ["kind", "Type", "left"],
  ["device", "Device", "left"],
];

/** An element with text and attributes. */
function make(tag, attributes = {}, ...children) {
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

/** Change text only where it differs, so that a reader's selection stays. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function figures(x, digits = 4) {
  if (x == null) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(Math.max(digits - 2, 0));
  return String(Number(x.toPrecision(digits)));
}

function duration(seconds) {
  if (seconds == null) return "";
  const s = Math.round(seconds);
  const pad = (n) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
}

const count = (n) => n.toLocaleString("en");

function bytes(n) {
  return n >= 1e9 ? `${(n / 1e9).toPrecision(3)} GB` : `${Math.round(n / 1e6)} MB`;
}

function short(x) {
  const size = Math.abs(x);
  if (size >= 1e4) return x.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 4 });
  return size !== 0 && size < 1e-3 ? x.toExponential(0) : String(Number(x.toPrecision(4)));
}

function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * ([1, 2, 5].find((m) => m * unit >= raw) || 10);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) found.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return found;
}

function decades(low, high, count) {
  const found = [];
  const every = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / count));
  for (let k = Math.ceil(Math.log10(low) - 1e-9); k <= Math.log10(high) + 1e-9; k += every) found.push(10 ** k);
  return found.length < 2 ? ticks(low, high, count).filter((t) => t > 0) : found;
}

function smoothed(values, weight) {
  if (!weight) return values;
  let mean = 0, mass = 0;
  return values.map((v) => {
    if (v == null) return null;
    mean = weight * mean + (1 - weight) * v;
    mass = weight * mass + 1 - weight;
    return mean / mass;
  });
}

/** The first place in ascending `xs` that is not below `x`. */
function place(xs, x) {
  let low = 0, high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Curves that share a scale: `accuracy` and `val_accuracy`, say. */
const groupOf = (name) => name.replace(/^(val|test|train)_/, "");

/** One canvas with the curves of one group. `view` is shared by all: zoom, scale, smoothing, pointer. */
class Chart {
  constructor(view, redraw) {
    this.view = view;
    this.redraw = redraw;
    this.curves = [];
    this.legend = make("figcaption", { class: "legend" });
    this.canvas = make("canvas", { role: "img", tabindex: "0" });
    this.node = make("figure", { class: "chart" }, this.legend, this.canvas);
    this.listen();
  }

  listen() {
    const { canvas, view } = this;
    const at = (event) => this.stepAt(event.offsetX);
    let start = null;
    canvas.addEventListener("pointerdown", (event) => {
      start = { x: event.offsetX, step: at(event), range: this.range, pans: event.shiftKey };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (start && start.pans) {
        const moved = ((start.x - event.offsetX) / this.width) * (start.range[1] - start.range[0]);
        view.zoom = [start.range[0] + moved, start.range[1] + moved];
      } else if (start && Math.abs(event.offsetX - start.x) > 4) view.drag = [start.step, at(event)];
      view.pointer = at(event);
      this.redraw();
    });
    canvas.addEventListener("pointerup", (event) => {
      if (view.drag) view.zoom = [Math.min(start.step, at(event)), Math.max(start.step, at(event))];
      start = view.drag = null;
      this.redraw();
    });
    canvas.addEventListener("pointerleave", () => { view.pointer = null; this.redraw(); });
    canvas.addEventListener("dblclick", () => { view.zoom = null; this.redraw(); });
    canvas.addEventListener("keydown", (event) => {
      const act = { ArrowLeft: [0, -0.1], ArrowRight: [0, 0.1], "+": [0.25, 0], "=": [0.25, 0], "-": [-0.5, 0], 0: null }[event.key];
      if (act === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      if (act === null) view.zoom = null;
      else this.move(...act);
      this.redraw();
    });
  }

  /** Zoom in by a share of each side, or pan by a share of the width. */
  move(inwards, sideways) {
    const [low, high] = this.range;
    const width = high - low;
    this.view.zoom = [low + width * (inwards + sideways), high - width * (inwards - sideways)];
  }

  stepAt(x) {
    const [low, high] = this.range;
    return low + ((x - this.left) / this.width) * (high - low);
  }

  show(curves, marks, colours) {
    this.curves = curves.map((c) => ({ ...c, smooth: smoothed(c.values, this.view.smoothing) }));
    this.keep();
    this.draw(marks, colours);
    this.tell(colours);
  }

  keep() {
    const ends = this.curves.filter((c) => c.steps.length).map((c) => [c.steps[0], c.steps[c.steps.length - 1]]);
    const low = Math.min(...ends.map((e) => e[0])), high = Math.max(...ends.map((e) => e[1]));
    this.range = this.view.zoom || (ends.length ? [low, Math.max(high, low + 1)] : [0, 1]);
  }

  limits() {
    let low = Infinity, high = -Infinity;
    for (const c of this.curves) {
      for (let i = Math.max(place(c.steps, this.range[0]) - 1, 0); i < c.steps.length && c.steps[i] <= this.range[1]; i++) {
        for (const v of [c.smooth[i], this.view.smoothing ? null : c.values[i]]) {
          if (v == null || (this.view.log && v <= 0)) continue;
          low = Math.min(low, v);
          high = Math.max(high, v);
        }
      }
    }
    if (low > high) return this.view.log ? [0.1, 1] : [0, 1];
    if (low === high) return this.view.log ? [low / 2, high * 2] : [low - (Math.abs(low) / 2 || 1), high + (Math.abs(high) / 2 || 1)];
    if (this.view.log) return [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
    return [low - (high - low) * 0.05, high + (high - low) * 0.05];
  }

  draw(marks, colours) {
    const { canvas, view } = this;
    const width = canvas.clientWidth, height = canvas.clientHeight, scale = window.devicePixelRatio || 1;
    if (!width) return;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const g = canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = `11px ${getComputedStyle(canvas).fontFamily}`;
    const [low, high] = this.limits();
    const rows = view.log ? decades(low, high, 5) : ticks(low, high, 5);
    this.left = Math.max(...rows.map((t) => g.measureText(short(t)).width), 20) + 8;
    this.width = width - this.left - 10;
    const bottom = height - 20, tall = bottom - 6;
    const scaled = view.log ? Math.log : (v) => v;
    const y = (v) => bottom - ((scaled(v) - scaled(low)) / (scaled(high) - scaled(low))) * tall;
    const x = (s) => this.left + ((s - this.range[0]) / (this.range[1] - this.range[0])) * this.width;
    this.axes(g, colours, rows, x, y, bottom);
    g.save();
    g.beginPath();
    g.rect(this.left, 2, this.width + 2, bottom - 2);
    g.clip();
    if (view.drag) {
      g.fillStyle = colours.line;
      g.fillRect(x(view.drag[0]), 0, x(view.drag[1]) - x(view.drag[0]), bottom);
    }
    g.setLineDash([2, 3]);
    g.strokeStyle = colours.soft;
    for (const [step] of marks) line(g, x(step), 0, x(step), bottom);
    for (const c of this.curves) this.curve(g, c, colours, x, y, bottom);
    if (view.pointer != null) {
      g.setLineDash([]);
      g.strokeStyle = colours.soft;
      line(g, x(view.pointer), 0, x(view.pointer), bottom);
    }
    g.restore();
  }

  axes(g, colours, rows, x, y, bottom) {
    g.lineWidth = 1;
    g.setLineDash([]);
    g.strokeStyle = colours.line;
    g.fillStyle = colours.soft;
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const t of rows) {
      line(g, this.left, y(t), this.left + this.width, y(t));
      g.fillText(short(t), this.left - 6, y(t));
    }
    g.textBaseline = "top";
    g.textAlign = "center";
    const whole = ticks(this.range[0], this.range[1], Math.max(2, Math.floor(this.width / 60))).filter(Number.isInteger);
    for (const t of whole) {
      const text = short(t), half = g.measureText(text).width / 2;
      g.fillText(text, Math.min(Math.max(x(t), this.left + half), this.left + this.width + 8 - half), bottom + 6);
    }
  }

  curve(g, c, colours, x, y, bottom) {
    const { view } = this;
    const path = (values) => {
      g.beginPath();
      let down = false;
      for (let i = Math.max(place(c.steps, this.range[0]) - 1, 0); i < c.steps.length; i++) {
        const v = values[i];
        if (v == null || (view.log && v <= 0)) down = false;
        else if (down) g.lineTo(x(c.steps[i]), y(v));
        else { g.moveTo(x(c.steps[i]), y(v)); down = true; }
        if (c.steps[i] > this.range[1]) break;
      }
      g.stroke();
    };
    g.strokeStyle = g.fillStyle = colours.curves[c.colour % COLOURS];
    g.setLineDash(c.dash < 0 ? [] : DASHES[c.dash % DASHES.length]);
    g.lineJoin = "round";
    g.lineWidth = 1;
    if (view.smoothing && !c.run) {
      g.globalAlpha = 0.25;
      path(c.values);
    }
    g.globalAlpha = c.run ? 0.65 : 1;
    g.lineWidth = c.run ? 1.2 : 1.8;
    path(c.smooth);
    g.setLineDash([]);
    g.globalAlpha = 1;
    for (let i = 0; i < c.steps.length; i++) {
      if (c.values[i] != null) continue; // NaN or infinite: a cross on the axis
      line(g, x(c.steps[i]) - 3, bottom - 7, x(c.steps[i]) + 3, bottom - 1);
      line(g, x(c.steps[i]) - 3, bottom - 1, x(c.steps[i]) + 3, bottom - 7);
    }
  }

  /** The exact values, at the pointer or the last ones. */
  tell(colours) {
    const { pointer } = this.view;
    const told = [];
    const labels = this.curves.map((c) => (c.run ? `${c.name} · ${c.run}` : c.name));
    if (labels.join("\n") !== this.labels) {
      this.labels = labels.join("\n");
      this.keys = labels.map(() => [make("i"), make("b")]);
      this.legend.replaceChildren(...this.keys.map(([mark, value], n) => make("span", { class: "key" }, mark, make("span", { text: labels[n] }), value)));
    }
    this.curves.forEach((c, n) => {
      const [mark, value] = this.keys[n];
      mark.className = c.dash < 0 ? "" : "dashed";
      mark.style.borderColor = colours.curves[c.colour % COLOURS];
      const last = c.steps.length - 1;
      let i = pointer == null ? last : Math.min(place(c.steps, pointer), last);
      if (pointer != null && i > 0 && pointer - c.steps[i - 1] < c.steps[i] - pointer) i--;
      const v = i < 0 ? null : c.values[i];
      say(value, i < 0 ? "" : (v == null ? "not finite" : figures(v, 5)) + (pointer == null ? "" : ` at ${count(c.steps[i])}`));
      if (!c.run) told.push(`${c.name}, ${last < 0 ? "no" : count(c.steps[last] + 1)} steps, last ${figures(c.values[last])}`);
    });
    this.canvas.setAttribute("aria-label", `${told.join("; ")}. Arrows pan, plus and minus zoom, 0 shows all.`);
  }
}

function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}

/** A small picture in a cell of the table. */
function glyph(kind) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 72 18");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("class", kind);
  svg.append(path);
  return { svg, path };
}

function trendPath(norms) {
  const logs = norms.map((v) => (v > 0 ? Math.log10(v) : null));
  const known = logs.filter((v) => v != null);
  const low = Math.min(...known), span = Math.max(Math.max(...known) - low, 0.3);
  let d = "";
  logs.forEach((v, i) => {
    if (v != null) d += `${d && logs[i - 1] != null ? "L" : "M"}${((i / Math.max(norms.length - 1, 1)) * 72).toFixed(1)} ${(16 - ((v - low) / span) * 14).toFixed(1)}`;
  });
  return d;
}

function spreadPath(counts) {
  const most = Math.max(...counts, 1), width = 72 / Math.max(counts.length, 1);
  return counts.map((n, i) => `M${(i * width).toFixed(1)} 18h${Math.max(width - 0.5, 0.5).toFixed(1)}v${(-17 * n / most).toFixed(1)}h${(0.5 - width).toFixed(1)}z`).join("");
}

/** The variables as a tree of scopes, whose rows are made once and then only filled. */
class Variables {
  constructor(send) {
    this.send = send;
    this.rows = [];
    this.folded = new Set();
    this.pending = new Map();
    this.sort = null;
    this.filter = make("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter variables by name", oninput: () => this.arrange() });
    this.count = make("span", { class: "soft" });
    this.heads = COLUMNS.map(([key, label, side]) => make("th", { scope: "col", class: side }, make("button", { type: "button", text: label, onclick: () => this.order(key) })));
    this.body = make("tbody");
    const table = make("table", {}, make("caption", { class: "spoken", text: "Variables" }), make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of variables" }, table);
    this.title = make("summary", { text: "Variables" });
    this.past = new Past();
    this.node = make("details", { open: true }, this.title, make("div", { class: "row" }, this.filter, this.count), scroll, this.past.node);
    for (const event of ["keydown", "keyup"]) this.node.addEventListener(event, (e) => e.stopPropagation());
  }

  build(variables) {
    const names = variables.map((v) => v.name).join("\n");
    if (names === this.names) return;
    this.names = names;
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
    const fold = make("button", { type: "button", class: "fold", "aria-expanded": "true", "aria-label": `Fold ${path}`, text: "▾" });
    const toggle = this.toggle(path, `Train all of ${path}`);
    const name = make("th", { scope: "row", title: path }, fold, make("span", { text: label }));
    name.style.setProperty("--indent", `${8 + depth * 14}px`);
    const note = make("td", { class: "left soft" });
    const node = make("tr", { class: "scope" }, name, note, make("td", { class: "left" }, toggle), make("td", { colspan: String(COLUMNS.length - 3) }));
    fold.addEventListener("click", () => {
      const closed = !this.folded.delete(path) && Boolean(this.folded.add(path));
      fold.setAttribute("aria-expanded", String(!closed));
      say(fold, closed ? "▸" : "▾");
      this.arrange();
    });
    return { path, node, toggle, note, members: [] };
  }

  variable(variable, i, label, depth) {
    const opens = make("button", { type: "button", class: "name", text: label, "aria-pressed": "false", onclick: () => this.choose(i) });
    const name = make("th", { scope: "row", title: `${variable.name}: show its gradients over time` }, opens);
    name.style.setProperty("--indent", `${depth ? 22 + depth * 14 : 8}px`);
    const toggle = this.toggle(variable.name, `Train ${variable.name}`);
    toggle.hidden = toggle.disabled = !variable.switchable;
    const cells = Object.fromEntries(["norm", "ratio", "mean", "std", "min", "max", "bad"].map((key) => [key, make("td", { text: "–" })]));
    const trend = glyph("line"), spread = glyph("area");
    const spreadCell = make("td", {}, spread.svg);
    const node = make("tr", {}, name,
      make("td", { class: "left", text: variable.shape }),
      make("td", { class: "left" }, toggle, variable.switchable ? "" : make("span", { class: "soft", text: "never" })),
      cells.norm, make("td", {}, trend.svg), spreadCell, ...Object.values(cells).slice(1),
      make("td", { class: "left", text: variable.dtype }), make("td", { class: "left", text: variable.device }));
    const sorts = { name: variable.name, shape: variable.size, kind: variable.dtype, device: variable.device };
    return { i, path: variable.name, leaf: label, name, node, toggle, cells, trend, spread, spreadCell, sorts, norms: [], spreads: [], variable };
  }

  toggle(path, label) {
    const box = make("input", { type: "checkbox", role: "switch", "aria-label": label, title: label });
    box.addEventListener("change", () => {
      this.pending.set(path, Date.now());
      this.send("trainable", [path, box.checked]);
    });
    return box;
  }

  update(trainable, rows, looks) {
    const isNew = looks !== this.looks;
    this.looks = looks;
    for (const row of this.rows) {
      const waits = Date.now() - (this.pending.get(row.path) || 0) < 1500;
      if (row.members) {
        const open = row.members.filter((i) => this.switchable(i));
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
        row.sorts.trainable = trainable[row.i] ? 1 : 0;
        if (rows && rows[row.i] && isNew) this.fill(row, rows[row.i]);
      }
    }
    if (isNew && this.sort) this.arrange();
    if (isNew) this.showPast();
  }

  switchable(i) {
    const row = this.rows.find((r) => r.i === i);
    return Boolean(row && row.variable.switchable);
  }

  fill(row, [value, gradient, ratio, flow, spread]) {
    const [mean, std, min, max, , nan, inf] = value;
    const norm = gradient ? gradient[4] : null;
    const bad = [[nan, "NaN"], [inf, "Inf"], [gradient ? gradient[5] : 0, "NaN in gradient"], [gradient ? gradient[6] : 0, "Inf in gradient"]].filter(([n]) => n);
    Object.assign(row.sorts, { mean, std, min, max, norm, ratio, bad: bad.length, trend: norm, spread: gradient ? gradient[1] : null });
    for (const [key, x] of Object.entries({ mean, std, min, max, norm, ratio })) say(row.cells[key], figures(x));
    say(row.cells.bad, bad.map(([n, what]) => `${n} ${what}`).join(", ") || "0");
    row.cells.bad.className = bad.length ? "alarm" : "";
    row.cells.norm.className = flow ? "alarm" : "";
    row.cells.norm.title = flow || "";
    row.norms.push(norm);
    if (row.norms.length > TREND) row.norms.shift();
    row.trend.path.setAttribute("d", trendPath(row.norms));
    row.spread.path.setAttribute("d", spread ? spreadPath(spread[2]) : "");
    if (spread && spread[2].length) row.spreads.push(spread);
    if (row.spreads.length > PAST) row.spreads.shift();
    row.spreadCell.title = spread ? `gradients from ${figures(spread[0])} to ${figures(spread[1])}` : "";
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
      const of = (row) => (row.members ? null : row.sorts[key]);
      const missing = (x) => x == null;
      rows = [...rows].sort((a, b) => {
        const [x, y] = [of(a), of(b)];
        if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
        return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
      });
    }
    let shown = 0;
    const flat = Boolean(this.sort || wanted);
    for (const row of rows) {
      const folded = !flat && [...this.folded].some((path) => row.path.startsWith(`${path}/`));
      row.node.hidden = folded || (flat && (Boolean(row.members) || !row.path.toLowerCase().includes(wanted)));
      if (row.leaf != null) {
        say(row.name.lastChild, flat ? row.path : row.leaf);
        row.name.classList.toggle("flat", flat);
        shown += row.node.hidden ? 0 : 1;
      }
    }
    if (rows.some((row, i) => this.body.children[i] !== row.node)) this.keepFocus(() => this.body.append(...rows.map((row) => row.node)));
    say(this.count, wanted ? `${shown} shown` : "");
  }

  keepFocus(move) {
    const focused = this.body.getRootNode().activeElement;
    move();
    if (focused && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }
}

/** The gradients of one variable, look by look from left to right: fuller where there were more of them. */
class Past {
  constructor() {
    this.title = make("figcaption", { class: "legend" });
    this.canvas = make("canvas", { role: "img" });
    this.node = make("figure", { class: "past", hidden: true }, this.title, this.canvas);
  }

  show(row, colour) {
    this.node.hidden = !row;
    if (!row) return;
    const { spreads } = row, { canvas } = this, tall = 60;
    const low = Math.min(...spreads.map((s) => s[0])), high = Math.max(...spreads.map((s) => s[1]));
    const told = spreads.length ? `from ${figures(low)} at the bottom to ${figures(high)}, ${spreads.length} looks` : "none yet";
    say(this.title, `Gradients of ${row.path} over time, ${told}`);
    canvas.setAttribute("aria-label", this.title.textContent);
    canvas.width = Math.max(spreads.length, 1);
    canvas.height = tall;
    const g = canvas.getContext("2d");
    g.fillStyle = colour;
    spreads.forEach(([first, last, counts], i) => {
      const most = Math.max(...counts);
      const at = (k) => Math.round(tall * (1 - (first + ((last - first) * k) / counts.length - low) / (high - low || 1)));
      counts.forEach((n, k) => {
        g.globalAlpha = Math.sqrt(n / most);
        g.fillRect(i, at(k + 1), 1, Math.max(at(k) - at(k + 1), 1));
      });
    });
  }
}

/** The norm of the gradient of each variable, the first layer on top. */
class Flow {
  constructor() {
    this.list = make("ol", { class: "flow", tabindex: "0", "aria-label": "Gradient norms, the first layer on top" });
    this.note = make("div", { class: "soft" });
    this.node = make("section", { class: "side" }, make("h4", { text: "Gradient flow" }), this.list, this.note);
    this.items = [];
  }

  update(variables, rows) {
    const found = variables.map((v, i) => [v.name, rows[i]]).filter(([, row]) => row && row[1]);
    const norms = found.map(([, row]) => row[1][4]);
    const logs = norms.filter((v) => v > 0).map(Math.log10);
    const low = Math.min(...logs) - 0.5, span = Math.max(...logs) - low || 1;
    while (this.items.length < found.length) {
      const name = make("span", { class: "name" }), bar = make("span", { class: "bar" }), value = make("span", { class: "value" });
      const item = make("li", {}, name, bar, value);
      this.items.push({ item, name, bar, value });
      this.list.append(item);
    }
    this.items.forEach(({ item }, i) => { item.hidden = i >= found.length; });
    found.forEach(([label, row], i) => {
      const { item, name, bar, value } = this.items[i];
      const norm = norms[i], verdict = row[3];
      say(name, `\u200e${label}\u200e`);
      item.title = verdict ? `${label}: ${verdict}` : label;
      item.className = verdict;
      bar.style.width = norm == null ? "100%" : norm > 0 ? `${(((Math.log10(norm) - low) / span) * 100).toFixed(1)}%` : "0";
      say(value, norm == null ? "not finite" : figures(norm, 3));
    });
    const wrong = found.filter(([, row]) => row[3]).map(([label, row]) => `${label} ${row[3]}`);
    say(this.note, wrong.length ? `${wrong.length === 1 ? wrong[0] : `${wrong.length} layers: ${wrong[0]}, …`}` : "");
    return found.length > 0;
  }
}

class Panel {
  constructor(model, el) {
    this.model = model;
    this.client = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
    this.seq = 0;
    this.view = { log: false, smoothing: 0, zoom: null, pointer: null, drag: null };
    this.charts = new Map();
    this.state = { curves: {}, runs: [], marks: [], variables: [], rows: null, trainable: [], progress: {}, snapshots: [] };
    this.born = this.spokenAt = Date.now();
    this.build();
    el.append(this.root);
  }

  send(command, args = []) {
    this.model.send({ client: this.client, seq: this.seq++, command, args });
  }

  build() {
    const button = (text, onclick, more = {}) => make("button", { type: "button", text, onclick, ...more });
    this.title = make("span", { class: "title" });
    this.pill = make("span", { class: "pill" });
    this.told = make("span", { class: "soft" });
    this.memory = make("meter", { min: "0" });
    this.used = make("label", { class: "soft push" }, make("span"), this.memory);
    this.route = make("span", { class: "pill route" });
    this.bar = make("progress", { "aria-label": "Progress" });
    this.pause = button("Pause", () => this.send(this.state.progress.state === "paused" ? "resume" : "pause"));
    this.one = button("Step", () => this.send("step"), { title: "Make one step, then pause" });
    this.stop = button("Stop", () => this.send("stop"), { title: "End after this step and keep all values" });
    this.graph = button("Graph", () => this.send("graph"), { title: "The graph of the step, below" });
    this.rate = make("input", { type: "number", min: "0", step: "any", "aria-label": "Learning rate" });
    const apply = () => { if (this.rate.value !== "" && Number(this.rate.value) >= 0) this.send("learning_rate", [Number(this.rate.value)]); };
    this.rate.addEventListener("keydown", (event) => { if (event.key === "Enter") { apply(); this.rate.blur(); } });
    this.rates = make("label", {}, make("span", { class: "soft", text: "Learning rate" }), this.rate, button("Set", apply));
    this.slider = make("input", { type: "range", min: "0", step: "1", "aria-label": "Snapshot to go back to", oninput: () => { this.chosen = true; this.showSnapshot(); } });
    this.restore = button("Restore", () => { this.send("restore", [this.state.snapshots[Number(this.slider.value)]]); this.chosen = false; });
    this.at = make("span", { class: "soft" });
    this.travel = make("span", { class: "row push" }, make("span", { class: "soft", text: "Go back to" }), this.slider, this.at, this.restore);
    this.travel.style.padding = "0";
    this.what = make("pre");
    this.back = button("", () => this.send("restore", [this.state.trouble.restore]));
    this.go = button("Go on", () => this.send("resume"));
    this.ask = make("div", { class: "row trouble", role: "alert", hidden: true }, this.what, this.back, this.go);
    const tools = make("div", { class: "row", role: "group", "aria-label": "Controls" }, this.pause, this.one, this.stop, this.graph, this.rates, this.travel);
    this.grid = make("div", { class: "charts" });
    this.empty = make("div", { class: "empty", text: "Nothing was logged yet: live.log(loss=loss)" });
    this.flow = new Flow();
    this.body = make("div", { class: "body" }, make("div", {}, this.chartTools(button), this.empty, this.grid), this.flow.node);
    this.variables = new Variables((command, args) => this.send(command, args));
    this.entries = make("ol", { class: "journal" });
    this.copy = button("Copy as code", () => navigator.clipboard.writeText(this.state.code), { title: "A program that changes the same again" });
    this.journal = make("details", { hidden: true }, make("summary", { text: "Changed by hand" }), this.entries, make("div", { class: "row" }, this.copy));
    this.status = make("div", { class: "spoken", role: "status" });
    this.probes = Object.fromEntries(["soft", "line", ...HUES].map((name) => {
      const probe = make("span", { class: "colour" });
      probe.style.color = `var(--${name})`;
      return [name, probe];
    }));
    this.root = make("section", { class: "nbl", "aria-label": "Training" },
      make("header", { class: "row" }, this.title, this.pill, this.told, this.used, this.route), this.bar, this.ask, tools, this.body, this.variables.node, this.journal, this.status, ...Object.values(this.probes));
    for (const event of ["keydown", "keyup"]) tools.addEventListener(event, (e) => e.stopPropagation());
  }

  chartTools(button) {
    const log = button("Log", () => {
      this.view.log = !this.view.log;
      log.setAttribute("aria-pressed", String(this.view.log));
      this.draw();
    }, { "aria-pressed": "false", title: "Logarithmic scale" });
    const smooth = make("input", { type: "range", min: "0", max: "0.99", step: "0.01", value: "0", "aria-label": "Smoothing", oninput: () => { this.view.smoothing = Number(smooth.value); this.draw(); } });
    this.all = button("Show all", () => { this.view.zoom = null; this.draw(); }, { title: "Drag over a chart to zoom, with Shift to pan; double-click shows all" });
    return make("div", { class: "row", role: "group", "aria-label": "Charts" }, log, make("label", {}, make("span", { class: "soft", text: "Smooth" }), smooth), this.all);
  }

  /** Everything anew. */
  replace(state) {
    Object.assign(this.state, state);
    this.variables.build(this.state.variables);
    this.change();
  }

  /** What has changed. */
  add(message) {
    const { points, ...rest } = message;
    for (const [name, [steps, values]] of Object.entries(points || {})) {
      const curve = this.state.curves[name] || (this.state.curves[name] = [[], []]);
      const last = curve[0].length ? curve[0][curve[0].length - 1] : -1;
      steps.forEach((step, i) => { // a step that the last whole state had is not taken twice
        if (step > last) { curve[0].push(step); curve[1].push(values[i]); }
      });
    }
    if (!rest.rows) delete rest.rows;
    Object.assign(this.state, rest);
    this.change();
  }

  change() {
    const { state } = this;
    const { progress } = state;
    say(this.title, state.title || "Training");
    say(this.pill, progress.state || "");
    this.pill.className = `pill ${progress.state || ""}`;
    const rate = progress.rate ? `${figures(progress.rate, 3)} steps/s` : "";
    const left = progress.state === "running" && progress.left != null ? `${duration(progress.left)} left` : "";
    say(this.told, [progress.text, rate, left || duration(progress.seconds)].filter(Boolean).join(" · "));
    if (progress.total) { this.bar.max = progress.total; this.bar.value = progress.step; }
    else if (progress.state !== "running") { this.bar.max = 1; this.bar.value = 1; }
    else this.bar.removeAttribute("value");
    const live = progress.state === "running" || progress.state === "paused";
    say(this.pause, progress.state === "paused" ? "Resume" : "Pause");
    for (const node of [this.pause, this.one, this.stop, this.graph, this.restore, this.slider, this.rate, this.back, this.go]) node.disabled = !live;
    this.graph.hidden = state.graph == null;
    this.graph.setAttribute("aria-expanded", String(state.graph));
    this.rates.hidden = state.learning_rate == null;
    if (this.root.getRootNode().activeElement !== this.rate && state.learning_rate != null) this.rate.value = String(Number(state.learning_rate.toPrecision(6)));
    this.showMemory();
    this.showTrouble();
    this.showRoute();
    this.showSnapshot();
    this.variables.node.hidden = !state.variables.length;
    this.variables.update(state.trainable, state.rows, state.looks);
    const flows = state.rows ? this.flow.update(state.variables, state.rows) : false;
    this.flow.node.hidden = !flows;
    this.body.classList.toggle("two", flows);
    this.showJournal();
    this.draw();
    this.speak();
  }

  showRoute() {
    const { route } = this.state;
    if (!route) return;
    const waits = !route.is_sure && route.kind !== "interrupt only";
    const late = waits && Date.now() - this.born > 4000;
    say(this.route, late ? "controls: not answering" : waits ? "controls: connecting" : `controls: ${route.kind}`);
    this.route.title = late ? "No answer yet: what is clicked may act only after the cell. Interrupting the kernel ends the run cleanly." : route.reason;
  }

  showMemory() {
    const [used, limit] = this.state.memory || [];
    this.used.hidden = !used;
    if (!used) return;
    this.memory.max = limit;
    this.memory.value = used;
    say(this.used.firstChild, `Memory ${bytes(used)} of ${bytes(limit)}`);
  }

  showTrouble() {
    const { trouble } = this.state;
    this.ask.hidden = !trouble;
    if (!trouble) return;
    say(this.what, `Step ${count(trouble.step)}: ${trouble.what}\n${trouble.op}`);
    this.back.hidden = trouble.restore == null;
    say(this.back, `Go back to step ${count(trouble.restore || 0)}`);
  }

  showSnapshot() {
    const { snapshots } = this.state;
    this.travel.hidden = snapshots.length < 1;
    const step = snapshots[Number(this.slider.value)];
    this.slider.max = String(Math.max(snapshots.length - 1, 0));
    if (!this.chosen) this.slider.value = this.slider.max;
    else if (this.step !== undefined && snapshots.includes(this.step) && step !== this.step && document.activeElement !== this.slider) this.slider.value = String(snapshots.indexOf(this.step));
    this.step = snapshots[Number(this.slider.value)];
    say(this.at, this.step === undefined ? "" : `step ${count(this.step)}`);
    this.slider.setAttribute("aria-valuetext", this.at.textContent);
  }

  showJournal() {
    const { marks } = this.state;
    this.journal.hidden = !marks.length;
    this.copy.hidden = !this.state.code || !navigator.clipboard;
    while (this.entries.children.length > marks.length) this.entries.lastChild.remove();
    marks.forEach(([step, what], i) => {
      if (!this.entries.children[i]) this.entries.append(make("li"));
      say(this.entries.children[i], `step ${count(step)}: ${what}`);
    });
  }

  colours() {
    const of = (name) => getComputedStyle(this.probes[name]).color;
    return { soft: of("soft"), line: of("line"), curves: HUES.map(of) };
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const groups = new Map();
      const place = (name, curve, colour, dash, run) => {
        const key = groupOf(name);
        if (!groups.has(key)) groups.set(key, []);
        groups.get(key).push({ name, steps: curve[0], values: curve[1], colour, dash, run });
      };
      const names = Object.keys(this.state.curves);
      names.forEach((name, i) => place(name, this.state.curves[name], i, name === groupOf(name) ? -1 : 0, ""));
      this.state.runs.forEach((run, k) => Object.entries(run.curves).forEach(([name, curve]) => place(name, curve, Math.max(names.indexOf(name), 0), k + 1, run.title)));
      const colours = this.colours();
      const marks = this.state.marks.filter(([, what]) => !["pause", "resume", "step"].includes(what));
      for (const [key, curves] of groups) {
        if (!this.charts.has(key)) {
          this.charts.set(key, new Chart(this.view, () => this.draw()));
          this.grid.append(this.charts.get(key).node);
        }
        this.charts.get(key).show(curves, marks, colours);
      }
      this.empty.hidden = groups.size > 0;
      this.all.disabled = !this.view.zoom;
    });
  }

  /** For those who hear: the state when it changes, and now and then how far it is. */
  speak() {
    const { progress } = this.state;
    const now = Date.now();
    if (progress.state === this.spokenState && now - this.spokenAt < SPOKEN) return;
    this.spokenAt = now;
    this.spokenState = progress.state;
    say(this.status, `${progress.state}, ${progress.text || ""}`);
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el);
    const { plain } = model.get("state"); // what is shown where this does not run
    el.append(make("style", { text: `#${plain}, .jp-OutputArea-child:has(#${plain}) { display: none }` }));
    const whole = () => panel.replace(structuredClone(model.get("state")));
    const news = (message) => panel.add(message);
    model.on("change:state", whole);
    model.on("msg:custom", news);
    whole();
    // On a busy kernel the first greeting may be lost, and then there is no telling whether controls work.
    const greet = () => { if (!panel.state.route || !panel.state.route.is_sure) panel.send("ready"); };
    greet();
    const timer = setInterval(() => { greet(); panel.showRoute(); }, 1500);
    const size = new ResizeObserver(() => panel.draw());
    size.observe(panel.root);
    const theme = new MutationObserver(() => panel.draw());
    for (const node of [document.documentElement, document.body]) theme.observe(node, { attributes: true });
    return () => {
      clearInterval(timer);
      size.disconnect();
      theme.disconnect();
      model.off("change:state", whole);
      model.off("msg:custom", news);
    };
  },
};
