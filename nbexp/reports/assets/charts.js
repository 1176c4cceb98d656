/* Charts as SVG: their frame and axes, and the simple ones. Colours are CSS variables: they follow
   the theme by themselves. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element, shape } = nbexp;
  const charts = (nbexp.charts = nbexp.charts || {});
  const NEAR = 9; // pixels at which the pointer finds a point
  const CROWD = 300; // points from which they are small

  /**
   * Make the frame of a chart: an SVG as wide as its box, drawn when it comes near the screen,
   * and anew when its width changes.
   * @param box
   * @param draw Draws it as wide, and returns its height and what it shows, in words.
   * @param options The least width in pixels, below which it scrolls sideways, and its role for
   *   screen readers.
   */
  nbexp.chart = function (box, draw, { least = 0, role = "img" } = {}) {
    const svg = shape("svg", { class: "plot", role, "aria-label": "Chart" }); // until it is drawn
    const frame = element("div", { class: "chart" }, svg);
    let width = 0;
    let isNear = false;
    const redraw = function () {
      if (!width || !isNear) return; // as long as it is far away, or hidden
      svg.replaceChildren();
      const { height, label } = draw(svg, width);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("aria-label", label);
      const isScrolled = least > frame.clientWidth;
      svg.style.minWidth = isScrolled ? `${least}px` : "";
      frame.tabIndex = isScrolled ? 0 : -1; // so that the keyboard can scroll it
    };
    const measure = function () {
      const now = Math.max(least, Math.round(frame.clientWidth));
      if (!frame.clientWidth || now === width) return;
      width = now;
      redraw();
    };
    const appear = function () {
      if (isNear) return;
      isNear = true;
      if (width) redraw();
      else measure();
    };
    box.append(frame);
    new ResizeObserver(() => requestAnimationFrame(measure)).observe(frame);
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      appear();
    }, { rootMargin: "600px" });
    watcher.observe(frame);
    nbexp.beforePrint(appear);
    return { svg, redraw };
  };

  /** Return where the pointer is in an SVG, in its own units. */
  nbexp.pointerAt = function (svg, event) {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };

  /**
   * Draw both axes of a plot with their grid.
   * @param svg
   * @param area
   * @param x
   * @param y
   */
  nbexp.drawAxes = function (svg, area, x, y) {
    const grid = shape("g", { class: "axes" });
    /** @type {(scale: AxisScale, value: Value) => number} */
    const acrossOf = (scale, value) => area.left + Number(scale.place(value)) * (area.right - area.left);
    /** @type {(scale: AxisScale, value: Value) => number} */
    const downOf = (scale, value) => area.bottom - Number(scale.place(value)) * (area.bottom - area.top);
    /** @type {(attributes: Attributes, label: string) => SVGTextElement} */
    const write = (attributes, label) => shape("text", attributes, nbexp.clipText(label, 84));
    for (const { value, label } of x.scale.ticks(Math.max(3, (area.right - area.left) / 110))) {
      const at = acrossOf(x.scale, value);
      grid.append(
        shape("line", { class: "grid", x1: at, x2: at, y1: area.top, y2: area.bottom }),
        write({ x: at, y: area.bottom + 16, "text-anchor": "middle" }, label));
    }
    for (const { value, label } of y.scale.ticks((area.bottom - area.top) / 48)) {
      const at = downOf(y.scale, value);
      grid.append(
        shape("line", { class: "grid", x1: area.left, x2: area.right, y1: at, y2: at }),
        write({ x: area.left - 8, y: at + 4, "text-anchor": "end" }, label));
    }
    const below = { class: "axis-title", x: area.right, y: area.bottom + 34, "text-anchor": "end" };
    svg.append(grid, shape("text", below, axisTitle(x)),
      shape("text", { class: "axis-title", x: 2, y: area.top - 12 }, axisTitle(y)));
  };

  const axisTitle = (/** @type {Axis} */ { scale, title }) => title + (scale.isLog ? " (log)" : "");

  /** Say the best variant in words, for screen readers. */
  nbexp.bestInWords = function (set) {
    const row = set.best[0];
    if (row === undefined || !set.metric) return "";
    const value = nbexp.short(Number(set.numbers(set.metric)[row]));
    return `; best ${set.data.metric} ${value} (${set.title(row)})`;
  };

  /** Return the lines of a row's tip: its title, its state, and the values of some columns. */
  nbexp.rowLines = function (set, row, columns) {
    const state = set.columns.find((column) => column.kind === "state");
    const values = columns.map((column) => {
      const text = nbexp.format(column, [])(set.values(column)[row]);
      return `${column.title} ${text === "" ? "—" : text}`;
    });
    const [name, title] = [set.name(row), set.title(row)];
    const told = state ? [String(set.values(state)[row])] : [];
    return [title, ...(name === title ? [] : [name]), ...values, ...told];
  };

  /** @type {(set: Dataset, column: Column) => boolean} */
  const isPlottable = (set, column) =>
    nbexp.isNumeric(column) && set.numbers(column).some((value) => Number.isFinite(value));

  /** @implements {ChartView} */
  class Scatter {
    area = { left: 0, right: 0, top: 0, bottom: 0 };
    /** @type {Map<number, SVGElement>} */
    points = new Map();
    /** @type {SVGElement | null} */
    ring = null;
    /** @type {number | null} */
    hovered = null;

    /**
     * @param {HTMLElement} box
     * @param {StageData} data
     * @param {ChartOptions} options
     */
    constructor(box, data, options) {
      this.set = nbexp.dataset(data);
      this.options = options;
      this.across = this.set.columns.filter((each) => each.role === "param" && each.varies);
      this.down = this.set.columns.filter((each) =>
        each.kind === "number" && each.role !== "param" && isPlottable(this.set, each));
      this.goodness = nbexp.goodness(this.set);
      const first = data.importance && data.importance[0];
      const { metric } = this.set;
      this.xs = this.scaleX(
        this.across.find((each) => first && each.key === first.param) || this.across[0]);
      this.ys = this.scaleY(metric && this.down.includes(metric) ? metric : this.down[0]);
      /** @type {Set<number> | null} */
      this.shown = null;
      box.append(this.makeControls());
      this.chart = nbexp.chart(box, (svg, width) => this.draw(svg, width), { role: "group" });
      if ((data.pruned || []).includes(true))
        box.append(element("p", { class: "note" }, "Hollow: pruned."));
      this.listen();
    }

    makeControls() {
      /** @type {(label: string, columns: Column[], first: Column, take: (column: Column) => void) =>
       *   HTMLElement} */
      const choose = (label, columns, first, take) => nbexp.select(label,
        columns.map((column) => [column.key, column.title]), first.key, (key) => {
          take(this.set.column(key) || first);
          this.chart.redraw();
        });
      return element("div", { class: "controls" },
        choose("Across", this.across, this.xs.column, (column) => (this.xs = this.scaleX(column))),
        choose("Up", this.down, this.ys.column, (column) => (this.ys = this.scaleY(column))));
    }

    /** @param {Column} column */
    scaleX(column) {
      return nbexp.columnScale(this.set, column, { pad: 0.04, atValues: true });
    }

    /** @param {Column} column */
    scaleY(column) {
      return nbexp.columnScale(this.set, column, { pad: 0.06 });
    }

    /**
     * @param {SVGSVGElement} svg
     * @param {number} width
     */
    draw(svg, width) {
      const height = Math.round(Math.min(420, Math.max(260, width * 0.5)));
      this.area = { left: 56, right: width - 14, top: 30, bottom: height - 42 };
      const title = (/** @type {ColumnScale} */ { column, scale }) => ({ scale, title: column.title });
      nbexp.drawAxes(svg, this.area, title(this.xs), title(this.ys));
      const order = [...this.goodness.keys()]
        .sort((a, b) => Number(this.goodness[a]) - Number(this.goodness[b]));
      this.points = new Map(order.flatMap((row) => {
        const place = this.point(row);
        return place ? [[row, this.makePoint(row, place)]] : [];
      }));
      this.ring = shape("circle", { class: "ring", r: 9, visibility: "hidden" });
      svg.append(shape("g", { class: "points" }, ...this.points.values()), this.ring);
      this.fade();
      const label = `${this.ys.column.title} against ${this.xs.column.title}, ${this.points.size} variants`;
      return { height, label: label + nbexp.bestInWords(this.set) };
    }

    /**
     * @param {number} row
     * @returns {[x: number, y: number] | null}
     */
    point(row) {
      const [x, y] = [this.xs.places[row], this.ys.places[row]];
      if (x === null || y === null) return null;
      const { left, right, top, bottom } = this.area;
      return [left + x * (right - left), bottom - y * (bottom - top)];
    }

    /**
     * @param {number} row
     * @param {[x: number, y: number]} place
     */
    makePoint(row, [cx, cy]) {
      const { pruned, links } = this.set.data;
      const good = this.goodness[row];
      const colour = good === null ? "var(--muted)" : nbexp.ramp(good);
      const isHollow = pruned && pruned[row];
      const style = isHollow ? `stroke: ${colour}` : `fill: ${colour}`;
      const r = this.goodness.length > CROWD ? 3 : 4.5;
      const dot = shape("circle", { cx, cy, r, style, class: isHollow ? "is-hollow" : null });
      const label = nbexp.rowLines(this.set, row, this.columns).join(", ");
      const target = links && links[row];
      if (!target) return dot;
      return shape("a", { href: target, "aria-label": label, tabindex: "-1" }, dot);
    }

    get columns() {
      return [this.xs.column, this.ys.column];
    }

    listen() {
      const { svg } = this.chart;
      svg.addEventListener("pointermove", (event) => this.onMove(event));
      svg.addEventListener("pointerleave", () => this.onRow(null));
    }

    /** @param {PointerEvent} event */
    onMove(event) {
      const [x, y] = nbexp.pointerAt(this.chart.svg, event);
      /** @type {number | null} */
      let found = null;
      let least = NEAR;
      for (const row of this.points.keys()) {
        const place = this.shown && !this.shown.has(row) ? null : this.point(row);
        const distance = place ? Math.hypot(place[0] - x, place[1] - y) : Infinity;
        if (distance <= least) [found, least] = [row, distance];
      }
      this.onRow(found);
      if (found !== null) nbexp.showTip(event, nbexp.rowLines(this.set, found, this.columns));
    }

    /** @param {number | null} row */
    onRow(row) {
      if (row === null) nbexp.hideTip();
      if (row === this.hovered) return;
      this.hovered = row;
      this.highlight(row);
      if (this.options.onHover) this.options.onHover(row);
    }

    /** @param {number | null} row */
    highlight(row) {
      if (!this.ring) return;
      const point = row === null ? null : this.point(row);
      this.ring.setAttribute("visibility", point ? "visible" : "hidden");
      if (!point) return;
      this.ring.setAttribute("cx", String(point[0]));
      this.ring.setAttribute("cy", String(point[1]));
    }

    fade() {
      for (const [row, node] of this.points)
        node.classList.toggle("is-out", this.shown !== null && !this.shown.has(row));
    }

    /** @param {Set<number> | null} rows */
    show(rows) {
      this.shown = rows;
      this.fade();
    }
  }

  /** Whether a scatter chart has anything to show. */
  charts.hasScatter = function (data) {
    const set = nbexp.dataset(data);
    const varies = set.columns.some((each) => each.role === "param" && each.varies);
    return varies && set.columns.some((each) =>
      each.kind === "number" && each.role !== "param" && isPlottable(set, each));
  };

  /**
   * Draw a parameter against the metric; both can be chosen.
   * @param box
   * @param data
   * @param options
   */
  charts.scatter = (box, data, options = {}) => new Scatter(box, data, options);

  /**
   * Draw how much each parameter matters, with whiskers for the error.
   * @param box
   * @param data
   */
  charts.importance = function (box, data) {
    const bars = data.importance || [];
    if (bars.length) nbexp.chart(box, (svg, width) => drawBars(svg, width, bars));
    if (data.importance_note) box.append(element("p", { class: "note" }, data.importance_note));
  };

  /**
   * @param {SVGSVGElement} svg
   * @param {number} width
   * @param {Importance[]} bars
   */
  function drawBars(svg, width, bars) {
    const line = 26;
    const longest = bars.reduce((most, bar) => Math.max(most, bar.param.length), 0);
    const left = Math.min(longest * 6.6 + 14, width * 0.4);
    const most = bars.reduce((a, bar) => Math.max(a, bar.value + (bar.error || 0)), 0) || 1;
    const toX = (/** @type {number} */ value) =>
      left + (Math.min(Math.max(value, 0), most) / most) * (width - left - 56);
    bars.forEach(({ param, value, error }, index) => {
      const middle = index * line + line / 2;
      /** @type {[from: number, to: number]} */
      const whisker = [toX(value - (error || 0)), toX(value + (error || 0))];
      const length = Math.max(1, toX(value) - left);
      svg.append(
        shape("text", { class: "bar-name", x: left - 8, y: middle + 4, "text-anchor": "end" },
          nbexp.clipText(param, left - 8)),
        shape("rect", { class: "bar", x: left, y: middle - 7, width: length, height: 14, rx: 2 }),
        shape("path", { class: "whisker", d: whiskerPath(whisker, middle) }),
        shape("text", { x: whisker[1] + 8, y: middle + 4 }, `${(value * 100).toFixed(0)} %`)
      );
    });
    const height = bars.length * line;
    svg.append(shape("line", { class: "axis", x1: left, x2: left, y1: 2, y2: height - 2 }));
    const words = bars.map(({ param, value }) => `${param} ${(value * 100).toFixed(0)} %`);
    return { height, label: `Importance of parameters: ${words.join(", ")}` };
  }

  /** @type {(ends: [from: number, to: number], y: number) => string} */
  const whiskerPath = ([from, to], y) =>
    `M${from} ${y - 4}V${y + 4}M${from} ${y}H${to}M${to} ${y - 4}V${y + 4}`;
})();
