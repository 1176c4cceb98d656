/* Parallel coordinates: an axis for each parameter that varies, and one for the metric. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element, shape } = nbexp;
  const charts = (nbexp.charts = nbexp.charts || {});
  const HEIGHT = 360;
  const AREA = { left: 64, right: 76, top: 44, bottom: 14 }; // margins
  const MISSING = 28; // pixels below the axes, where rows without a value go
  const SPACING = 104; // least distance of axes
  const SHADES = 40; // of colour along the axis of the metric
  const NEAR = 8; // pixels at which the pointer finds a line
  const MOST_CATEGORIES = 40;

  /** @param {Dataset} set */
  function axisColumns(set) {
    const isReadable = (/** @type {Column} */ column) => nbexp.isNumeric(column) ||
      new Set(set.values(column).map(String)).size <= MOST_CATEGORIES;
    const isCause = (/** @type {Column} */ column) => column.role === "param" && column.varies && isReadable(column);
    const params = set.columns.filter(isCause);
    return set.metric ? [...params, set.metric] : params;
  }

  /** @typedef {[low: number, high: number]} Stretch Places on an axis. */

  /** @implements {ChartView} */
  class Parallel {
    bottom = 0;
    /** @type {number[]} */
    across = [];
    /** @type {number[][]} */
    heights = [];
    /** @type {Map<number, SVGElement>} */
    lines = new Map();
    /** @type {SVGElement | null} */
    top = null;
    /** @type {SVGElement | null} */
    brushLayer = null;
    /** @type {Set<number> | null} */
    shown = null;
    /** @type {number | null} */
    hovered = null;

    /**
     * @param {HTMLElement} box
     * @param {TableData} data
     * @param {ChartOptions} options
     */
    constructor(box, data, options) {
      this.set = nbexp.dataset(data);
      this.options = options;
      this.axes = axisColumns(this.set).map((column) =>
        nbexp.columnScale(this.set, column, { atValues: column.role === "param" }));
      this.goodness = nbexp.goodness(this.set);
      this.rows = [...Array(this.set.count).keys()];
      /** @type {Map<Column, Stretch[]>} */
      this.brushes = new Map();
      const least = AREA.left + AREA.right + (this.axes.length - 1) * SPACING;
      this.chart = nbexp.chart(box, (svg, width) => this.draw(svg, width), { least });
      const help = "Drag along an axis to filter; click it to clear.";
      box.append(element("p", { class: "note help" }, help));
      this.listen();
    }

    /**
     * @param {SVGSVGElement} svg
     * @param {number} width
     */
    draw(svg, width) {
      const hasMissing = this.axes.some((axis) => axis.places.includes(null));
      this.bottom = HEIGHT - AREA.bottom - (hasMissing ? MISSING : 0);
      const step = (width - AREA.left - AREA.right) / Math.max(1, this.axes.length - 1);
      this.across = this.axes.map((_, index) => AREA.left + index * step);
      const heightsOf = (/** @type {number} */ row) => this.axes.map((axis) => this.heightOf(axis.places[row]));
      this.heights = this.rows.map(heightsOf);
      const strength = Math.min(0.9, Math.max(0.12, 6 / Math.sqrt(this.rows.length)));
      const lines = shape("g", { class: "lines", style: `--strength: ${strength}` });
      const order = [...this.rows].sort((a, b) => Number(this.goodness[a]) - Number(this.goodness[b]));
      this.lines = new Map(order.map((row) => [row, this.makeLine(row)]));
      lines.append(...this.lines.values());
      this.top = shape("path", { class: "line is-hovered", visibility: "hidden" });
      this.brushLayer = shape("g", { class: "brushes" });
      const axes = this.axes.map((axis, index) => this.makeAxis(axis, index, step));
      svg.append(lines, this.top, ...axes, this.brushLayer);
      this.fade();
      this.drawBrushes();
      const names = this.axes.map((axis) => axis.column.title).join(", ");
      const label = `Parallel coordinates of ${names}; ${this.rows.length} variants`;
      return { height: HEIGHT, label: label + nbexp.bestInWords(this.set) };
    }

    /** @param {number | null} place */
    heightOf(place) {
      return place === null ? this.bottom + MISSING : this.bottom - place * (this.bottom - AREA.top);
    }

    /** @param {number} row */
    pathOf(row) {
      const points = this.heights[row].map((y, index) => [this.across[index], y]);
      return "M" + points.map((point) => point.map((at) => at.toFixed(1)).join(" ")).join("L");
    }

    /** @param {number} row */
    makeLine(row) {
      const good = this.goodness[row];
      const isKnown = typeof good === "number";
      const style = `stroke: ${isKnown ? nbexp.ramp(good) : "var(--muted)"}`;
      const kind = isKnown ? "line" : "line is-unknown";
      return shape("path", { class: kind, d: this.pathOf(row), style });
    }

    /**
     * @param {ColumnScale} axis
     * @param {number} index
     * @param {number} step Pixels to the next one.
     */
    makeAxis(axis, index, step) {
      const x = this.across[index];
      const isMetric = axis.column === this.set.metric;
      const title = axis.column.title + (axis.scale.isLog ? " (log)" : "");
      const group = shape("g", { class: isMetric ? "is-metric" : null },
        shape("text", { class: "axis-title", x, y: 16, "text-anchor": "middle" },
          nbexp.clipText(title, Math.min(step, 2 * AREA.left) - 6), shape("title", {}, title)),
        shape("line", { class: "axis", x1: x, x2: x, y1: AREA.top, y2: this.bottom }));
      if (isMetric) group.append(...this.makeRamp(x));
      group.append(...this.makeTicks(axis, index, step), this.makeHandle(axis, x));
      return group;
    }

    /**
     * @param {ColumnScale} axis
     * @param {number} index
     * @param {number} step
     */
    makeTicks({ scale, places }, index, step) {
      const x = this.across[index];
      const isLast = index === this.axes.length - 1;
      const room = (isLast ? AREA.right : Math.min(step, AREA.left)) - 14;
      const side = { x: isLast ? x + 12 : x - 10, "text-anchor": isLast ? "start" : "end" };
      const ticks = scale.ticks(scale.categories ? 20 : 6)
        .map(({ value, label }) => ({ y: this.heightOf(scale.place(value)), label }));
      if (places.includes(null)) ticks.push({ y: this.heightOf(null), label: "none" });
      return ticks.flatMap(({ y, label }) => [
        shape("line", { class: "axis", x1: x - 3, x2: x + 3, y1: y, y2: y }),
        shape("text", { ...side, class: "tick", y: y + 4 }, nbexp.clipText(label, room)),
      ]);
    }

    /**
     * The colours of the lines, along the axis of the metric.
     * @param {number} x
     */
    makeRamp(x) {
      const { places } = this.axes[this.axes.length - 1];
      const rows = this.set.best.filter((row) => places[row] !== null);
      const size = (this.bottom - AREA.top) / SHADES;
      return Array.from({ length: rows.length ? SHADES : 0 }, (_, index) => {
        const at = (index + 0.5) / SHADES;
        const away = (/** @type {number} */ row) => Math.abs(Number(places[row]) - at);
        const nearest = rows.reduce((a, b) => (away(b) < away(a) ? b : a));
        const style = `fill: ${nbexp.ramp(Number(this.goodness[nearest]))}`;
        const y = this.bottom - (index + 1) * size;
        return shape("rect", { x: x - 3, y, width: 6, height: size + 0.5, style });
      });
    }

    /**
     * @param {ColumnScale} axis
     * @param {number} x
     */
    makeHandle(axis, x) {
      const handle = shape("rect", {
        class: "handle", x: x - 14, width: 28, y: AREA.top - 8, height: this.bottom - AREA.top + 16,
      });
      handle.addEventListener("pointerdown", (event) => this.startBrush(event, handle, axis));
      return handle;
    }

    /**
     * @param {PointerEvent} event
     * @param {SVGElement} handle
     * @param {ColumnScale} axis
     */
    startBrush(event, handle, axis) {
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      const heightAt = (/** @type {PointerEvent} */ each) => nbexp.pointerAt(this.chart.svg, each)[1];
      const start = heightAt(event);
      let waiting = 0;
      const move = (/** @type {PointerEvent} */ each) => {
        const end = heightAt(each);
        cancelAnimationFrame(waiting);
        waiting = requestAnimationFrame(() => this.brush(axis, start, end));
      };
      const stop = (/** @type {PointerEvent} */ each) => {
        cancelAnimationFrame(waiting);
        handle.removeEventListener("pointermove", move);
        if (each.type === "pointerup") this.brush(axis, start, heightAt(each));
      };
      handle.addEventListener("pointermove", move);
      handle.addEventListener("pointerup", stop, { once: true });
      handle.addEventListener("pointercancel", stop, { once: true });
    }

    /**
     * Ask for the filter that two heights on an axis mean; a mere click takes it away.
     * @param {ColumnScale} axis
     * @param {number} start
     * @param {number} end
     */
    brush(axis, start, end) {
      if (!this.options.onBrush) return;
      const placeAt = (/** @type {number} */ y) =>
        Math.min(1, Math.max(0, (this.bottom - y) / (this.bottom - AREA.top)));
      const [low, high] = [placeAt(Math.max(start, end)), placeAt(Math.min(start, end))];
      const isClick = Math.abs(end - start) < 4;
      this.options.onBrush(axis.column, isClick ? [] : comparisons(axis, low, high));
    }

    drawBrushes() {
      if (!this.brushLayer) return;
      this.brushLayer.replaceChildren(...this.axes.flatMap((axis, index) =>
        (this.brushes.get(axis.column) || []).map(([low, high]) => {
          const y = this.heightOf(Math.min(1, high)) - 1;
          const height = Math.max(3, this.heightOf(Math.max(0, low)) - y + 2);
          const x = this.across[index] - 6;
          return shape("rect", { class: "brush", x, width: 12, y, height, rx: 2 });
        })));
    }

    listen() {
      const { svg } = this.chart;
      svg.addEventListener("pointermove", (event) => this.onMove(event));
      svg.addEventListener("pointerleave", () => this.onRow(null));
      svg.addEventListener("click", (event) => {
        const { links } = this.set.data;
        const target = this.hovered !== null && links && links[this.hovered];
        if (target && !(/** @type {Element} */ (event.target)).closest(".handle")) window.location.href = target;
      });
    }

    /** @param {PointerEvent} event */
    onMove(event) {
      const isBusy = event.buttons !== 0 ||
        /** @type {Element} */ (event.target).closest(".handle");
      const row = isBusy ? null : this.rowAt(nbexp.pointerAt(this.chart.svg, event));
      this.onRow(row);
      const columns = this.set.metric ? [this.set.metric] : [];
      if (row !== null) nbexp.showTip(event, nbexp.rowLines(this.set, row, columns));
    }

    /** @param {[x: number, y: number]} pointer */
    rowAt([x, y]) {
      const next = this.across.findIndex((at) => at >= x);
      if (next < 1) return null;
      const part = (x - this.across[next - 1]) / (this.across[next] - this.across[next - 1]);
      /** @type {number | null} */
      let found = null;
      let least = NEAR;
      for (const row of this.rows) {
        if (this.shown && !this.shown.has(row)) continue;
        const [from, to] = [this.heights[row][next - 1], this.heights[row][next]];
        const distance = Math.abs(from + part * (to - from) - y);
        if (distance <= least) [found, least] = [row, distance];
      }
      return found;
    }

    /** @param {number | null} row */
    onRow(row) {
      if (row === null) nbexp.hideTip();
      if (row === this.hovered) return;
      this.hovered = row;
      this.chart.svg.classList.toggle("is-pointing", row !== null);
      this.highlight(row);
      if (this.options.onHover) this.options.onHover(row);
    }

    /** @param {number | null} row */
    highlight(row) {
      if (!this.top) return;
      this.top.setAttribute("visibility", row === null ? "hidden" : "visible");
      if (row !== null) this.top.setAttribute("d", this.pathOf(row));
    }

    fade() {
      for (const [row, line] of this.lines)
        line.classList.toggle("is-out", this.shown !== null && !this.shown.has(row));
    }

    /**
     * @param {Set<number> | null} rows
     * @param {Condition[]} [conditions]
     */
    show(rows, conditions = []) {
      this.shown = rows;
      this.brushes = new Map(this.axes.map((axis) => [axis.column, brushOf(axis, conditions)]));
      this.fade();
      this.drawBrushes();
    }
  }

  /**
   * The comparisons that a stretch of an axis means.
   * @param {ColumnScale} axis
   * @param {number} low
   * @param {number} high
   * @returns {Comparison[]}
   */
  function comparisons({ scale, values }, low, high) {
    if (scale.categories) {
      const isWithin = (/** @type {string} */ text) =>
        Number(scale.place(text)) >= low && Number(scale.place(text)) <= high;
      const within = scale.categories.filter(isWithin);
      return within.length ? [["=", within.join("|")]] : [];
    }
    const isWhole = values.every((value) => value === null || Number.isInteger(value));
    const least = isWhole ? Math.ceil(scale.value(low)) : Number(scale.value(low).toPrecision(3));
    const most = isWhole ? Math.floor(scale.value(high)) : Number(scale.value(high).toPrecision(3));
    /** @type {Comparison[]} */
    const ends = [];
    if (low > 0) ends.push([">=", String(least)]);
    if (high < 1) ends.push(["<=", String(most)]);
    return ends;
  }

  /**
   * The stretches of an axis, as pairs of places, that comparisons leave.
   * @param {ColumnScale} axis
   * @param {Condition[]} conditions
   * @returns {Stretch[]}
   */
  function brushOf({ column, scale }, conditions) {
    const own = conditions.filter((condition) => condition.column === column);
    if (own.length === 0) return [];
    if (scale.categories) {
      const half = 0.4 / scale.categories.length;
      const texts = own.filter((each) => each.operator === "=").flatMap((each) => each.texts);
      const places = texts.map((text) => scale.place(text)).filter((place) => place !== null);
      return places.map((place) => [place - half, place + half]);
    }
    return [own.reduce(narrowed(scale), /** @type {Stretch} */ ([0, 1]))].filter(([low, high]) => low <= high);
  }

  /** @type {(scale: NumberScale) => (stretch: Stretch, condition: Condition) => Stretch} */
  const narrowed = (scale) => function ([low, high], { operator, texts }) {
    const number = Number(texts[0]);
    const known = scale.place(number);
    const place = known === null ? Number(number > scale.high) : known;
    if (operator[0] === ">") return [Math.max(low, place), high];
    if (operator[0] === "<") return [low, Math.min(high, place)];
    return operator === "=" ? [Math.max(low, place), Math.min(high, place)] : [low, high];
  };

  /** Whether parallel coordinates have anything to show: two axes and two rows. */
  charts.hasParallel = function (data) {
    const set = nbexp.dataset(data);
    return set.count > 1 && axisColumns(set).length > 1;
  };

  /**
   * Draw parallel coordinates.
   * @param box
   * @param data
   * @param options
   */
  charts.parallel = (box, data, options = {}) => new Parallel(box, data, options);
})();
