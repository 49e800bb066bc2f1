// What is drawn of gradients: in cells of the table, over time, and layer by layer.

import { figures, make, say } from "./page.js";

/** A small picture in a cell of the table. */
export function glyph(kind) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  svg.setAttribute("viewBox", "0 0 72 18");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("class", kind);
  svg.append(path);
  return { svg, path };
}

export function trendPath(norms) {
  const logs = norms.map((v) => (v > 0 ? Math.log10(v) : null));
  const known = logs.filter((v) => v != null);
  const low = Math.min(...known), span = Math.max(Math.max(...known) - low, 0.3);
  const x = (i) => ((i / Math.max(norms.length - 1, 1)) * 72).toFixed(1), y = (v) => (16 - ((v - low) / span) * 14).toFixed(1);
  return logs.map((v, i) => (v == null ? "" : `${logs[i - 1] == null ? "M" : "L"}${x(i)} ${y(v)}`)).join("");
}

export function spreadPath(counts) {
  const most = Math.max(...counts, 1), width = 72 / Math.max(counts.length, 1), wide = (width - 0.5).toFixed(1);
  return counts.map((n, i) => `M${(i * width).toFixed(1)} 18h${wide}v${(-17 * n / most).toFixed(1)}h-${wide}z`).join("");
}

/** One variable: its numbers, and its gradients, look by look from left to right: fuller where there were more. */
export class Past {
  constructor() {
    this.title = make("figcaption", { class: "legend" });
    this.canvas = make("canvas", { role: "img" });
    this.node = make("figure", { class: "past", hidden: true }, this.title, this.canvas);
  }

  show(row, colour) {
    this.node.hidden = !row;
    if (!row) return;
    const { spreads, sorts } = row, { canvas } = this, tall = 60;
    const low = Math.min(...spreads.map((s) => s[0])), high = Math.max(...spreads.map((s) => s[1]));
    const numbers = ["mean", "std", "min", "max"].map((key) => `${key} ${figures(sorts[key])}`).join(", ");
    const told = spreads.length ? `from ${figures(low)} at the bottom to ${figures(high)}, ${spreads.length} looks` : "none yet";
    say(this.title, `${row.told}, ${numbers}. Gradients over time: ${told}`);
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
export class Flow {
  constructor() {
    this.list = make("ol", { class: "flow", tabindex: "0", "aria-label": "Gradient norms, the first layer on top" });
    this.note = make("div", { class: "soft" });
    this.node = make("section", { class: "side" }, make("h4", { text: "Gradient flow" }), this.list, this.note);
    this.items = [];
  }

  update(variables, rows) {
    const found = variables.map((v, i) => [v.name, rows[i]]).filter(([, row]) => row?.[1]);
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
    say(this.note, wrong.length > 1 ? `${wrong.length} layers: ${wrong[0]}, …` : wrong.join());
    return found.length > 0;
  }
}

