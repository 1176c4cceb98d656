/* Learning curves, one over another: the best ones stand out, pruned ones end early. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element, shape } = nbexp;
  const charts = (nbexp.charts = nbexp.charts || {});
  const COLOURS = 8; // --chart-1 … --chart-8
  const LEADERS = 5; // stand out where there are more lines than colours
  const NEAR = 24; // pixels at which the pointer finds a line
  const WIDE = 620; // pixels from which lines are labelled at their ends
  const WAIT_MS = 120;

  /**
   * A line to draw: a row's steps, values, and values as they are smoothed.
   * @typedef {object} Line
   * @property {number} row
   * @property {number[]} steps
   * @property {(number | null)[]} raw
   * @property {(number | null)[]} values
   * @property {boolean} isPruned
   * @property {string} colour Empty for a line that does not stand out.
   * @property {string} d Its path.
   * @property {[x: number, y: number] | null} end
   * @property {boolean} isLone Whether it is but a point.
   */

  /**
   * Exponential moving average, corrected for its start as in Kingma and Ba, Adam (2015).
   * @param {(number | null)[]} values
   * @param {number} weight
   */
  function smoothed(values, weight) {
    if (!weight) return values;
    let [mean, count] = [0, 0];
    return values.map(function (value) {
      if (!Number.isFinite(value)) return value;
      mean = weight * mean + (1 - weight) * value;
      count += 1;
      return mean / (1 - weight ** count);
    });
  }

  /**
   * Spread heights so that labels do not cover one another.
   * @param {{y: number}[]} labels
   * @param {number} gap
   * @param {number} least
   * @param {number} most
   */
  function spread(labels, gap, least, most) {
    const sorted = [...labels].sort((a, b) => a.y - b.y);
    let limit = least;
    for (const label of sorted) {
      label.y = Math.max(label.y, limit);
      limit = label.y + gap;
    }
    limit = most;
    for (const label of sorted.reverse()) {
      label.y = Math.min(label.y, limit);
      limit = label.y - gap;
    }
  }

  /** @implements {ChartView} */
  class Curves {
    smoothing = 0;
    isLog = false;
    area = { left: 0, right: 0, top: 0, bottom: 0 };
    x = nbexp.numberScale([]);
    y = nbexp.numberScale([]);
    /** @type {Line[]} */
    lines = [];
    /** @type {Set<number> | null} */
    shown = null;
    /** @type {Line | null} */
    hovered = null;
    top = shape("path");
    dot = shape("circle");
    waiting = 0;

    /**
     * @param {HTMLElement} box
     * @param {CurvesData} data
     * @param {ChartOptions} options
     */
    constructor(box, data, options) {
      this.set = nbexp.dataset(data);
      this.data = data;
      this.options = options;
      this.names = Object.keys(data.curves || {});
      this.name = this.names.includes(data.metric) ? data.metric : this.names[0];
      box.append(this.makeControls());
      this.chart = nbexp.chart(box, (svg, width) => this.draw(svg, width));
      this.legend = element("ul", { class: "legend" });
      this.key = element("p", { class: "note" });
      box.append(this.legend, this.key);
      this.listen();
    }

    makeControls() {
      /** @type {[string, string][]} */
      const choices = this.names.map((each) => [each, each]);
      const name = nbexp.select("Curve", choices, this.name, (key) => {
        this.name = key;
        this.chart.redraw();
      });
      const log = nbexp.toggle("Log scale", false, (isOn) => {
        this.isLog = isOn;
        this.chart.redraw();
      });
      return element("div", { class: "controls" }, name, this.makeSlider(), log);
    }

    makeSlider() {
      const shown = element("output", {}, "0");
      const oninput = () => {
        this.smoothing = Number(slider.value);
        shown.textContent = String(this.smoothing);
        this.chart.redraw();
      };
      /** @type {HTMLInputElement} */
      const slider = element("input",
        { type: "range", min: 0, max: 0.98, step: 0.02, value: 0, oninput });
      const word = element("span", {}, "Smoothing");
      return element("label", { class: "control" }, word, slider, shown);
    }

    /** The lines to draw: for each row its steps, values, and smoothed values. */
    read() {
      /** @type {Line[]} */
      const lines = [];
      this.data.curves[this.name].forEach((curve, row) => {
        if (!curve || (this.shown && !this.shown.has(row))) return;
        const raw = curve[1].map(nbexp.toNumber);
        const isPruned = Boolean(this.data.pruned && this.data.pruned[row]);
        const values = smoothed(raw, this.smoothing);
        const undrawn = { colour: "", d: "", end: null, isLone: false };
        lines.push({ row, steps: curve[0], raw, values, isPruned, ...undrawn });
      });
      return lines;
    }

    /** Give colours to the lines that stand out, the best first. */
    colour() {
      const isFew = this.lines.length <= COLOURS;
      const byRow = new Map(this.lines.map((line) => [line.row, line]));
      const best = this.set.best.filter((row) => byRow.has(row));
      const order = isFew || !best.length ? [...byRow.keys()] : best;
      const leaders = order.slice(0, isFew ? COLOURS : LEADERS)
        .flatMap((row) => byRow.get(row) || []);
      leaders.forEach((line, index) => (line.colour = `var(--chart-${index + 1})`));
      return leaders;
    }

    /**
     * @param {SVGSVGElement} svg
     * @param {number} width
     */
    draw(svg, width) {
      this.lines = this.read();
      const leaders = this.colour();
      const isLabelled = width >= WIDE;
      const height = Math.round(Math.min(440, Math.max(280, width * 0.45)));
      const right = width - (isLabelled ? labelRoom(this.set, leaders, width) : 14);
      this.area = { left: 56, right, top: 30, bottom: height - 42 };
      this.scaleBy(this.lines);
      const [x, y] = [{ scale: this.x, title: "step" }, { scale: this.y, title: this.name }];
      nbexp.drawAxes(svg, this.area, x, y);
      this.drawLines(svg, leaders);
      if (isLabelled) this.label(svg, leaders, width - right - 22);
      this.explain(leaders, isLabelled);
      return { height, label: this.words() };
    }

    /** @param {Line[]} lines */
    scaleBy(lines) {
      const isLone = lines.some((line) => line.steps.length === 1); // a dot, apart from the axis
      const steps = lines.flatMap((line) => line.steps);
      this.x = nbexp.numberScale(steps, { log: false, pad: isLone ? 0.015 : 0 });
      const values = lines.flatMap((line) => line.values);
      this.y = nbexp.numberScale(values, { log: this.isLog, pad: 0.04 });
    }

    /** @param {number} step */
    toX(step) {
      const { left, right } = this.area;
      return left + Number(this.x.place(step)) * (right - left);
    }

    /** @param {number | null} value */
    toY(value) {
      const { top, bottom } = this.area;
      const place = this.y.place(value);
      return place === null ? null : bottom - place * (bottom - top);
    }

    /**
     * @param {number[]} steps
     * @param {(number | null)[]} values
     */
    pathOf(steps, values) {
      let path = "";
      let isDown = false;
      steps.forEach((step, index) => {
        const y = this.toY(values[index]);
        const point = y === null ? "" : `${this.toX(step).toFixed(1)} ${y.toFixed(1)}`;
        path += point && (isDown ? `L${point}` : `M${point}h0`); // h0: also a lone point is drawn
        isDown = y !== null;
      });
      return path;
    }

    /**
     * @param {SVGSVGElement} svg
     * @param {Line[]} leaders
     */
    drawLines(svg, leaders) {
      const strength = Math.min(0.45, Math.max(0.05, 18 / this.lines.length));
      const group = shape("g", { class: "lines", style: `--strength: ${strength}` });
      const others = this.lines.filter((line) => !line.colour);
      others.sort((a, b) => Number(b.isPruned) - Number(a.isPruned));
      const upwards = [...others, ...[...leaders].reverse()];
      group.append(...upwards.flatMap((line) => this.makeLine(line)));
      this.top = shape("path", { class: "line is-hovered", visibility: "hidden" });
      this.dot = shape("circle", { class: "ring", r: 4, visibility: "hidden" });
      svg.append(group, this.top, this.dot);
    }

    /** @param {Line} line */
    makeLine(line) {
      const classes = ["line", line.isPruned && "is-pruned", line.colour && "is-leader"];
      const style = line.colour ? `stroke: ${line.colour}` : null;
      line.d = this.pathOf(line.steps, line.values);
      line.end = this.endOf(line);
      line.isLone = line.values.filter((value) => this.toY(value) !== null).length === 1;
      const path = shape("path", { class: classes.filter(Boolean).join(" "), d: line.d, style });
      const made = line.end ? [path, ...this.makeEnd(line, line.end, style)] : [path];
      if (!line.colour || !this.smoothing) return made;
      const raw = this.pathOf(line.steps, line.raw);
      return [shape("path", { class: "line is-raw", d: raw, style }), ...made];
    }

    /**
     * A bar where a line was cut, a dot where one that stands out ended, or that is but a point.
     * @param {Line} line
     * @param {[x: number, y: number]} end
     * @param {string | null} style
     */
    makeEnd({ colour, isPruned, isLone }, [x, y], style) {
      const isDot = isLone || (colour && !isPruned);
      const fill = colour ? `fill: ${colour}` : null;
      const dot = shape("circle", { class: colour ? "end" : "point", cx: x, cy: y, r: 3, style: fill });
      const cut = shape("path", { class: colour ? "cut is-leader" : "cut", style,
        d: isLone ? `M${x} ${y - 6}V${y + 6}` : `M${x} ${y - 4}V${y + 4}` });
      return [...(isDot ? [dot] : []), ...(isPruned ? [cut] : [])];
    }

    /**
     * @param {Line} line
     * @returns {Line["end"]}
     */
    endOf({ steps, values }) {
      for (let index = steps.length - 1; index >= 0; index--) {
        const y = this.toY(values[index]);
        if (y !== null) return [this.toX(steps[index]), y];
      }
      return null;
    }

    /**
     * @param {SVGSVGElement} svg
     * @param {Line[]} leaders
     * @param {number} room Pixels for a text.
     */
    label(svg, leaders, room) {
      const labels = leaders.flatMap(({ end, colour, row }) =>
        (end ? [{ end, colour, y: end[1], text: this.set.title(row) }] : []));
      spread(labels, 15, this.area.top, this.area.bottom);
      const x = this.area.right + 16;
      for (const { end, colour, y, text } of labels) {
        const d = `M${end[0] + 5} ${end[1]}L${x - 4} ${y}`;
        const style = `stroke: ${colour}`;
        const title = shape("title", {}, text);
        const attributes = { class: "label", x, y: y + 4, style: `fill: ${colour}` };
        svg.append(shape("path", { class: "leader", d, style }),
          shape("text", attributes, nbexp.clipText(text, room), title));
      }
    }

    /**
     * @param {Line[]} leaders
     * @param {boolean} isLabelled
     */
    explain(leaders, isLabelled) {
      const items = leaders.map(({ colour, row }) => element("li", {},
        element("span", { class: "swatch", style: `background: ${colour}` }), this.set.title(row)));
      this.legend.replaceChildren(...(isLabelled ? [] : items));
      const others = this.lines.length - leaders.length;
      const pruned = this.lines.filter((line) => line.isPruned).length;
      const looks = this.lines.some((line) => line.isLone) ? "Dashed, or a dot," : "Dashed";
      const parts = [
        others > 0 && `${leaders.length} best of ${this.lines.length} in colour.`,
        pruned > 0 && `${looks} with a bar at the end: ${pruned} pruned.`,
      ];
      this.key.textContent = parts.filter(Boolean).join(" ");
    }

    words() {
      const pruned = this.lines.filter((line) => line.isPruned).length;
      const ended = pruned ? `, ${pruned} of them pruned` : "";
      const lines = `${this.name} over steps, ${this.lines.length} variants${ended}`;
      return lines + nbexp.bestInWords(this.set);
    }

    listen() {
      const { svg } = this.chart;
      svg.addEventListener("pointermove", (event) => this.onMove(event));
      svg.addEventListener("pointerleave", () => this.onLine(null));
      svg.addEventListener("click", () => {
        const target = this.hovered && this.data.links && this.data.links[this.hovered.row];
        if (target) window.location.href = target;
      });
    }

    /** @param {PointerEvent} event */
    onMove(event) {
      const found = this.nearest(nbexp.pointerAt(this.chart.svg, event));
      this.onLine(found ? found.line : null);
      if (!found) return;
      const { line, index } = found;
      this.dot.setAttribute("cx", String(this.toX(line.steps[index])));
      this.dot.setAttribute("cy", String(this.toY(line.values[index])));
      this.dot.setAttribute("visibility", "visible");
      const name = this.set.name(line.row);
      const title = this.set.title(line.row);
      const smooth = this.smoothing ? ` (smoothed ${nbexp.short(Number(line.values[index]))})` : "";
      nbexp.showTip(event, [title, ...(name === title ? [] : [name]),
        `step ${line.steps[index]}: ${nbexp.short(Number(line.raw[index]))}${smooth}`,
        ...(line.isPruned ? ["pruned"] : [])]);
    }

    /** @param {[x: number, y: number]} pointer */
    nearest([x, y]) {
      const step = this.x.value((x - this.area.left) / (this.area.right - this.area.left));
      /** @type {{line: Line, index: number} | null} */
      let found = null;
      let least = NEAR;
      for (const line of this.lines) {
        const index = nearestIndex(line.steps, step);
        const height = this.toY(line.values[index]);
        const aside = Math.abs(this.toX(line.steps[index]) - x);
        if (height === null || aside > this.reach(line)) continue;
        const distance = Math.abs(height - y);
        if (distance < least) [found, least] = [{ line, index }, distance];
      }
      return found;
    }

    /**
     * How far from a point of a line, across, the pointer still means it.
     * @param {Line} line
     */
    reach({ steps }) {
      const widest = steps.length > 1 ? this.toX(steps[1]) - this.toX(steps[0]) : 0;
      return Math.max(12, widest);
    }

    /** @param {Line | null} line */
    onLine(line) {
      if (!line) nbexp.hideTip();
      if (!line) this.dot.setAttribute("visibility", "hidden");
      if (line === this.hovered) return;
      this.hovered = line;
      this.chart.svg.classList.toggle("is-pointing", Boolean(line));
      this.highlight(line ? line.row : null);
      if (this.options.onHover) this.options.onHover(line ? line.row : null);
    }

    /** @param {number | null} row */
    highlight(row) {
      const line = row === null ? null : this.lines.find((each) => each.row === row);
      this.top.setAttribute("visibility", line ? "visible" : "hidden");
      if (line) this.top.setAttribute("d", line.d);
    }

    /** @param {Set<number> | null} rows */
    show(rows) {
      this.shown = rows;
      clearTimeout(this.waiting);
      this.waiting = window.setTimeout(() => this.chart.redraw(), WAIT_MS);
    }
  }

  /**
   * @param {Dataset} set
   * @param {Line[]} leaders
   * @param {number} width
   */
  function labelRoom(set, leaders, width) {
    const longest = leaders.reduce((most, line) => Math.max(most, set.title(line.row).length), 0);
    return Math.min(longest * 6.2 + 30, width * 0.34);
  }

  /**
   * @param {number[]} steps
   * @param {number} step
   */
  function nearestIndex(steps, step) {
    let [low, high] = [0, steps.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) low = middle + 1;
      else high = middle;
    }
    return low > 0 && step - steps[low - 1] < steps[low] - step ? low - 1 : low;
  }

  /** Whether there are curves. */
  charts.hasCurves = (data) =>
    Object.values(data.curves || {}).some((lines) => lines.some((line) => line));

  /**
   * Draw learning curves; the metric, smoothing and a logarithmic scale can be chosen.
   * @param box
   * @param data
   * @param options
   */
  charts.curves = (box, data, options = {}) => new Curves(box, data, options);
})();
