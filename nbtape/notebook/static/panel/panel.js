// The live panel: what a run tells, and what may be asked of it.

import { Chart, HUES, groupOf, place } from "./curves.js";
import { Flow } from "./gradients.js";
import { button, count, make, say, typed } from "./page.js";
import { Variables } from "./variables.js";

const SPOKEN = 5000; // milliseconds between two things that are read aloud
const PATIENCE = 4000, GREETING = 1500; // milliseconds until controls count as dead, and between two greetings

const DEAF = "No answer yet: what is clicked may act only after the cell. Interrupting the kernel ends the run cleanly.";

const soft = (text = "") => make("span", { class: "soft", text });
const range = (label, oninput, limits) => make("input", { type: "range", "aria-label": label, oninput, ...limits });
const row = (label, ...nodes) => make("div", { class: "row", role: "group", "aria-label": label }, ...nodes);

class Panel {
  constructor(model, el) {
    this.model = model;
    this.client = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
    this.seq = 0;
    this.view = { log: false, smoothing: 0, zoom: null, pointer: null, drag: null, hidden: new Set() };
    this.charts = new Map();
    this.state = {};
    this.born = this.spokenAt = Date.now();
    this.grid = make("div", { class: "charts" });
    this.empty = make("div", { class: "empty", text: "Nothing was logged yet: live.log(loss=loss)" });
    this.flow = new Flow();
    this.body = make("div", { class: "body" }, make("div", {}, this.chartTools(), this.empty, this.grid), this.flow.node);
    this.variables = new Variables((command, args) => this.send(command, args));
    this.status = make("div", { class: "spoken", role: "status" });
    const probe = (name) => make("span", { class: "colour", style: `color: var(--${name})` });
    this.probes = Object.fromEntries(["soft", "line", ...HUES].map((name) => [name, probe(name)]));
    this.root = make("section", { class: "nbl", "aria-label": "Training" }, ...this.header(), this.trouble(), typed(this.tools()), this.body,
      this.variables.node, this.changes(), this.status, ...Object.values(this.probes));
    el.append(this.root);
  }

  send(command, args = []) {
    this.model.send({ client: this.client, seq: this.seq++, command, args });
  }

  header() {
    this.title = make("span", { class: "title" });
    this.pill = make("span", { class: "pill" });
    this.told = soft();
    this.memory = make("span", { class: "push" });
    this.route = make("span", { class: "pill route" });
    this.bar = make("progress", { "aria-label": "Progress" });
    return [make("header", { class: "row" }, this.title, this.pill, this.told, this.memory, this.route), this.bar];
  }

  trouble() {
    this.what = make("pre");
    this.back = button("", () => this.send("restore", [this.state.trouble.restore]));
    this.go = button("Go on", () => this.send("resume"));
    this.ask = make("div", { class: "row trouble", role: "alert", hidden: true }, this.what, this.back, this.go);
    return this.ask;
  }

  tools() {
    this.pause = button("Pause", () => this.send(this.state.progress.state === "paused" ? "resume" : "pause"));
    this.one = button("Step", () => this.send("step"), { title: "Make one step, then pause" });
    this.stop = button("Stop", () => this.send("stop"), { title: "End after this step and keep all values" });
    this.graph = button("Graph", () => this.send("graph"), { title: "The graph of the step, below" });
    const apply = () => { if (this.rate.value !== "" && Number(this.rate.value) >= 0) this.send("learning_rate", [Number(this.rate.value)]); };
    const onkeydown = (event) => { if (event.key === "Enter") { apply(); this.rate.blur(); } };
    this.rate = make("input", { type: "number", min: 0, step: "any", "aria-label": "Learning rate", onkeydown });
    this.rates = make("label", {}, soft("Learning rate"), this.rate, button("Set", apply));
    this.slider = range("Snapshot to go back to", () => { this.chosen = this.snapshot(); this.showSnapshot(); }, { min: 0, step: 1 });
    this.restore = button("Restore", () => { this.send("restore", [this.snapshot()]); this.chosen = null; });
    this.at = soft();
    this.travel = make("span", { class: "row push" }, soft("Go back to"), this.slider, this.at, this.restore);
    return row("Controls", this.pause, this.one, this.stop, this.graph, this.rates, this.travel);
  }

  chartTools() {
    const log = button("Log", () => {
      this.view.log = !this.view.log;
      log.setAttribute("aria-pressed", String(this.view.log));
      this.draw();
    }, { "aria-pressed": "false", title: "Logarithmic scale" });
    const smoothe = ({ target }) => { this.view.smoothing = Number(target.value); this.draw(); };
    const smooth = range("Smoothing", smoothe, { min: 0, max: 0.99, step: 0.01, value: 0 });
    this.all = button("Show all", () => { this.view.zoom = null; this.draw(); },
      { title: "Drag over a chart to zoom, with Shift to pan; double-click shows all" });
    this.csv = button("CSV", () => this.save(), { title: "The points of all curves as a file" });
    return row("Charts", log, make("label", {}, soft("Smooth"), smooth), this.all, this.csv);
  }

  changes() {
    this.entries = make("ol", { class: "journal" });
    this.copy = button("Copy as code", () => navigator.clipboard.writeText(this.state.code), { title: "A program that changes the same again" });
    const summary = make("summary", { text: "Changed by hand" });
    this.journal = make("details", { hidden: true }, summary, this.entries, make("div", { class: "row" }, this.copy));
    return this.journal;
  }

  /** Everything anew. */
  replace(state) {
    Object.assign(this.state, state);
    this.variables.build(this.state.variables);
    this.change();
  }

  /** What has changed. */
  add({ points, ...rest }) {
    for (const [name, [steps, values]] of Object.entries(points)) {
      const curve = (this.state.curves[name] ||= [[], []]), last = curve[0].at(-1) ?? -1;
      steps.forEach((step, i) => { // a step that the last whole state had is not taken twice
        if (step > last) { curve[0].push(step); curve[1].push(values[i]); }
      });
    }
    Object.assign(this.state, rest);
    this.change();
  }

  change() {
    const { state } = this, { progress } = state;
    say(this.title, state.title);
    say(this.pill, progress.state);
    this.pill.className = `pill ${progress.state}`;
    say(this.told, progress.told);
    if (progress.total) { this.bar.max = progress.total; this.bar.value = progress.step; }
    else if (progress.state !== "running") { this.bar.max = 1; this.bar.value = 1; }
    else this.bar.removeAttribute("value");
    const live = progress.state === "running" || progress.state === "paused";
    say(this.pause, progress.state === "paused" ? "Resume" : "Pause");
    for (const node of [this.pause, this.one, this.stop, this.graph, this.restore, this.slider, this.rate, this.back, this.go]) node.disabled = !live;
    this.graph.hidden = state.graph == null;
    this.graph.setAttribute("aria-expanded", String(state.graph));
    const rate = state.learning_rate;
    this.rates.hidden = rate == null;
    if (this.root.getRootNode().activeElement !== this.rate && rate != null) this.rate.value = String(Number(rate.toPrecision(6)));
    this.showMemory();
    this.showTrouble();
    this.showRoute();
    this.showSnapshot();
    this.variables.node.hidden = !state.variables.length;
    this.variables.update(state.trainable, state.rows, state.looks);
    const flows = this.flow.update(state.variables, state.rows);
    this.flow.node.hidden = !flows;
    this.body.classList.toggle("two", flows);
    this.showJournal();
    this.draw();
    this.speak();
  }

  showRoute() {
    const { route } = this.state, late = route.waits && Date.now() - this.born > PATIENCE;
    say(this.route, `controls: ${late ? "not answering" : route.waits ? "connecting" : route.kind}`);
    this.route.title = late ? DEAF : route.reason;
  }

  showMemory() {
    const { memory } = this.state, { children } = this.memory;
    while (children.length < memory.length) this.memory.append(make("label", { class: "soft" }, make("span"), make("meter", { min: 0 })));
    memory.forEach(([told, used, limit], i) => {
      const [text, meter] = children[i].children;
      say(text, told);
      meter.max = limit;
      meter.value = used;
    });
  }

  showTrouble() {
    const { trouble } = this.state;
    this.ask.hidden = !trouble;
    if (!trouble) return;
    say(this.what, trouble.told);
    this.back.hidden = trouble.restore == null;
    say(this.back, `Go back to step ${count(trouble.restore || 0)}`);
  }

  snapshot() {
    return this.state.snapshots[Number(this.slider.value)];
  }

  showSnapshot() {
    const { snapshots } = this.state;
    this.travel.hidden = !snapshots.length;
    const last = snapshots.length - 1, at = this.chosen == null ? last : Math.min(place(snapshots, this.chosen), last);
    this.slider.max = String(last);
    this.slider.value = String(at);
    say(this.at, last < 0 ? "" : `step ${count(snapshots[at])}`);
    this.slider.setAttribute("aria-valuetext", this.at.textContent);
  }

  showJournal() {
    const { changes } = this.state;
    this.journal.hidden = !changes.length;
    this.copy.hidden = !this.state.code || !navigator.clipboard;
    while (this.entries.children.length < changes.length) this.entries.append(make("li"));
    changes.forEach((change, i) => say(this.entries.children[i], change));
  }

  colours() {
    const of = (name) => getComputedStyle(this.probes[name]).color;
    return { soft: of("soft"), line: of("line"), curves: HUES.map(of) };
  }

  /** The curves of this run, and of those that it is compared with. */
  curves() {
    const names = Object.keys(this.state.curves);
    const own = Object.entries(this.state.curves).map(([name, of], i) => (
      { key: name, label: name, name, colour: i, dash: name === groupOf(name) ? -1 : 0, of }));
    const others = this.state.runs.flatMap(({ title, curves }, k) => Object.entries(curves).map(([name, of]) => (
      { key: k, label: `${name} · ${title}`, name, colour: Math.max(names.indexOf(name), 0), dash: k + 1, run: title, of })));
    return [...own, ...others].map(({ of: [steps, values], ...curve }) => ({ ...curve, steps, values }));
  }

  draw() {
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      const curves = this.curves(), colours = this.colours();
      for (const group of new Set(curves.map((c) => groupOf(c.name)))) {
        if (!this.charts.has(group)) {
          this.charts.set(group, new Chart(this.view, () => this.draw()));
          this.grid.append(this.charts.get(group).node);
        }
        this.charts.get(group).show(curves.filter((c) => groupOf(c.name) === group), this.state.marks, colours);
      }
      this.empty.hidden = curves.length > 0;
      this.csv.disabled = !curves.length;
      this.all.disabled = !this.view.zoom;
    });
  }

  /** All curves as a file: a line for each step, a column for each curve. */
  save() {
    const curves = this.curves(), lines = new Map();
    curves.forEach(({ steps, values }, k) => steps.forEach((step, i) => {
      if (!lines.has(step)) lines.set(step, Array(curves.length).fill(""));
      lines.get(step)[k] = values[i] ?? "nan";
    }));
    const head = ["step", ...curves.map((c) => c.label)].map((text) => `"${text.replaceAll('"', '""')}"`);
    const text = [head, ...[...lines].sort(([a], [b]) => a - b).map(([step, line]) => [step, ...line])].join("\n");
    make("a", { download: `${this.state.title}.csv`, href: `data:text/csv;charset=utf-8,${encodeURIComponent(`${text}\n`)}` }).click();
  }

  /** For those who hear: the state when it changes, and now and then how far it is. */
  speak() {
    const { progress } = this.state;
    const now = Date.now();
    if (progress.state === this.spokenState && now - this.spokenAt < SPOKEN) return;
    this.spokenAt = now;
    this.spokenState = progress.state;
    say(this.status, `${progress.state}, ${progress.text}`);
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
    const greet = () => { if (!panel.state.route.is_sure) panel.send("ready"); };
    greet();
    const timer = setInterval(() => { greet(); panel.showRoute(); }, GREETING);
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
