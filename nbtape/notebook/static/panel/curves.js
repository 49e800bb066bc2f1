// Curves, on charts that share a view: what is shown of all of them.

import { button, count, figures, make, say } from "./page.js";

export const HUES = ["c0", "c1", "c2", "c3", "c4", "c5"];
const DASHES = [[5, 3], [1.5, 2.5], [8, 3, 2, 3]];
const dashes = (dash) => (dash < 0 ? [] : DASHES[dash % DASHES.length]);

/** The background of a line with such dashes. */
function painted(dash) {
  let at = 0;
  const stops = dashes(dash).map((width, k) => `${k % 2 ? "transparent" : "currentColor"} ${at}px ${(at += width)}px`);
  return stops.length ? `repeating-linear-gradient(90deg, ${stops})` : "currentColor";
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
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
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
export function place(xs, x) {
  let low = 0, high = xs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Curves that share a scale: `accuracy` and `val_accuracy`, say. */
export const groupOf = (name) => name.replace(/^(val|test|train)_/, "");

/** One canvas with the curves of one group. The view: zoom, scale, smoothing, pointer, and which are hidden. */
export class Chart {
  constructor(view, redraw) {
    this.view = view;
    this.redraw = redraw;
    this.curves = [];
    this.legend = make("figcaption", { class: "legend" });
    this.canvas = make("canvas", { role: "img", tabindex: 0, ...this.listeners() });
    this.node = make("figure", { class: "chart" }, this.legend, this.canvas);
  }

  /** What pointer and keys do. */
  listeners() {
    const { view } = this, at = (event) => this.stepAt(event.offsetX);
    const changed = (change) => (event) => { change(event); this.redraw(); };
    let start = null;
    return {
      onpointerdown: (event) => {
        start = { x: event.offsetX, step: at(event), range: this.range, pans: event.shiftKey };
        event.target.setPointerCapture(event.pointerId);
      },
      onpointermove: changed((event) => {
        const moved = start ? start.x - event.offsetX : 0;
        if (start?.pans) view.zoom = start.range.map((end) => end + (moved / this.width) * (start.range[1] - start.range[0]));
        else if (Math.abs(moved) > 4) view.drag = [start.step, at(event)];
        view.pointer = at(event);
      }),
      onpointerup: changed(() => {
        if (view.drag) view.zoom = view.drag.sort((a, b) => a - b);
        start = view.drag = null;
      }),
      onpointerleave: changed(() => { view.pointer = null; }),
      ondblclick: changed(() => { view.zoom = null; }),
      onkeydown: (event) => {
        const act = { ArrowLeft: [0, -0.1], ArrowRight: [0, 0.1], "+": [0.25, 0], "=": [0.25, 0], "-": [-0.5, 0], 0: null }[event.key];
        if (act === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        view.zoom = act && this.moved(...act);
        this.redraw();
      },
    };
  }

  /** The range without a share of it at each side, and moved by a share of it. */
  moved(inwards, sideways) {
    const [low, high] = this.range, width = high - low;
    return [low + width * (inwards + sideways), high - width * (inwards - sideways)];
  }

  stepAt(x) {
    const [low, high] = this.range;
    return low + ((x - this.left) / this.width) * (high - low);
  }

  show(curves, marks, colours) {
    this.all = curves;
    const shown = curves.filter((c) => !this.view.hidden.has(c.key));
    const { log, smoothing } = this.view;
    const level = (v) => (v == null || (log && v <= 0) ? null : log ? Math.log10(v) : v);
    this.curves = shown.map((c) => ({ ...c, exact: c.values.map(level), levels: smoothed(c.values, smoothing).map(level) }));
    const ends = curves.flatMap(({ steps }) => (steps.length ? [steps[0], steps.at(-1)] : []));
    const low = Math.min(...ends), high = Math.max(...ends);
    this.range = this.view.zoom || (ends.length ? [low, Math.max(high, low + 1)] : [0, 1]);
    this.draw(marks, colours);
    this.tell(colours);
  }

  /** The least and the greatest level in sight, and a little more. */
  limits() {
    const seen = this.curves.flatMap((c) => c.levels.slice(this.first(c.steps), place(c.steps, this.range[1]) + 1)).filter((v) => v != null);
    if (!seen.length) return [0, 1];
    const low = Math.min(...seen), high = Math.max(...seen);
    const more = (high - low) * 0.05 || (this.view.log ? 0.3 : Math.abs(low) / 2 || 1);
    return [low - more, high + more];
  }

  /** The place of the last step before what is in sight. */
  first(steps) {
    return Math.max(place(steps, this.range[0]) - 1, 0);
  }

  /** The levels at which lines are drawn, and what is written there. */
  rows(low, high) {
    const found = ticks(low, high, 5);
    if (!this.view.log) return found.map((t) => [t, short(t)]);
    const tens = found.filter(Number.isInteger).map((t) => 10 ** t);
    const values = tens.length > 1 ? tens : ticks(10 ** low, 10 ** high, 5).filter((t) => t > 0);
    return values.map((t) => [Math.log10(t), short(t)]);
  }

  draw(marks, colours) {
    const { canvas, view } = this;
    const width = canvas.clientWidth, height = canvas.clientHeight, scale = window.devicePixelRatio || 1;
    if (!width) return;
    const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
    if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
    const g = canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = `11px ${getComputedStyle(canvas).fontFamily}`;
    const [low, high] = this.limits();
    const rows = this.rows(low, high);
    this.left = Math.max(...rows.map(([, text]) => g.measureText(text).width), 20) + 8;
    this.width = width - this.left - 10;
    const bottom = height - 20, tall = bottom - 6;
    const y = (v) => bottom - ((v - low) / (high - low)) * tall;
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
    for (const step of marks) line(g, x(step), 0, x(step), bottom);
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
    for (const [t, text] of rows) {
      line(g, this.left, y(t), this.left + this.width, y(t));
      g.fillText(text, this.left - 6, y(t));
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
    const path = (levels) => {
      g.beginPath();
      let down = false;
      for (let i = this.first(c.steps); i < c.steps.length; i++) {
        if (levels[i] == null) down = false;
        else {
          g[down ? "lineTo" : "moveTo"](x(c.steps[i]), y(levels[i]));
          down = true;
        }
        if (c.steps[i] > this.range[1]) break;
      }
      g.stroke();
    };
    g.strokeStyle = g.fillStyle = colours.curves[c.colour % HUES.length];
    g.setLineDash(dashes(c.dash));
    g.lineJoin = "round";
    g.lineWidth = 1;
    if (this.view.smoothing && !c.run) {
      g.globalAlpha = 0.25;
      path(c.exact);
    }
    g.globalAlpha = c.run ? 0.65 : 1;
    g.lineWidth = c.run ? 1.2 : 1.8;
    path(c.levels);
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
    const { pointer, hidden } = this.view;
    const labels = this.all.map((c) => c.label).join("\n");
    if (labels !== this.labels) {
      this.labels = labels;
      this.keys = this.all.map((c) => this.entry(c));
      this.legend.replaceChildren(...this.keys.map(({ key }) => key));
    }
    this.all.forEach((c, n) => {
      const { key, mark, value } = this.keys[n], last = c.steps.length - 1;
      key.setAttribute("aria-pressed", String(!hidden.has(c.key)));
      mark.style.color = colours.curves[c.colour % HUES.length];
      let i = pointer == null ? last : Math.min(place(c.steps, pointer), last);
      if (pointer != null && i > 0 && pointer - c.steps[i - 1] < c.steps[i] - pointer) i--;
      const v = i < 0 ? null : c.values[i];
      say(value, i < 0 ? "" : (v == null ? "not finite" : figures(v, 5)) + (pointer == null ? "" : ` at ${count(c.steps[i])}`));
    });
    const told = this.curves.map(({ label, steps, values }) => (
      `${label}, ${steps.length ? count(steps.at(-1) + 1) : "no"} steps, last ${figures(values.at(-1))}`));
    this.canvas.setAttribute("aria-label", `${told.join("; ")}. Arrows pan, plus and minus zoom, 0 shows all.`);
  }

  /** A curve in the legend, which hides and shows it; of an earlier run, all curves of that run. */
  entry({ key: of, label, dash }) {
    const { hidden } = this.view, mark = make("i", { style: `background: ${painted(dash)}` });
    const value = make("b");
    const key = button("", () => { if (!hidden.delete(of)) hidden.add(of); this.redraw(); }, { class: "key", title: "Hide or show" });
    key.append(mark, make("span", { text: label }), value);
    return { key, mark, value };
  }
}

function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}
