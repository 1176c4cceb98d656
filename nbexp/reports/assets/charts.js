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
   * @param {HTMLElement} box
   * @param {function(SVGElement, number): {height: number, label: string}} draw Draws it as wide.
   * @param {Object} [options]
   * @param {number} [options.least] Least width in pixels; in a narrower box it scrolls sideways.
   * @param {string} [options.role] Its role for screen readers; img by default.
   * @returns {{svg: SVGElement, redraw: function()}}
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
   * @param {SVGElement} svg
   * @param {{left: number, right: number, top: number, bottom: number}} area
   * @param {{scale: Object, title: string}} x
   * @param {{scale: Object, title: string}} y
   */
  nbexp.drawAxes = function (svg, area, x, y) {
    const grid = shape("g", { class: "axes" });
    const acrossOf = (at) => area.left + at * (area.right - area.left);
    const downOf = (at) => area.bottom - at * (area.bottom - area.top);
    const write = (attributes, label) => shape("text", attributes, nbexp.clipText(label, 84));
    for (const { value, label } of x.scale.ticks(Math.max(3, (area.right - area.left) / 110))) {
      const at = acrossOf(x.scale.place(value));
      grid.append(
        shape("line", { class: "grid", x1: at, x2: at, y1: area.top, y2: area.bottom }),
        write({ x: at, y: area.bottom + 16, "text-anchor": "middle" }, label));
    }
    for (const { value, label } of y.scale.ticks((area.bottom - area.top) / 48)) {
      const at = downOf(y.scale.place(value));
      grid.append(
        shape("line", { class: "grid", x1: area.left, x2: area.right, y1: at, y2: at }),
        write({ x: area.left - 8, y: at + 4, "text-anchor": "end" }, label));
    }
    const below = { class: "axis-title", x: area.right, y: area.bottom + 34, "text-anchor": "end" };
    svg.append(grid, shape("text", below, axisTitle(x)),
      shape("text", { class: "axis-title", x: 2, y: area.top - 12 }, axisTitle(y)));
  };

  const axisTitle = ({ scale, title }) => title + (scale.isLog ? " (log)" : "");

  /** Say the best variant in words, for screen readers. */
  nbexp.bestInWords = function (set) {
    const row = set.best[0];
    if (row === undefined) return "";
    const value = nbexp.short(set.numbers(set.metric)[row]);
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

  const isPlottable = (set, column) =>
    nbexp.isNumeric(column) && set.numbers(column).some((value) => Number.isFinite(value));

  class Scatter {
    constructor(box, data, options) {
      this.set = nbexp.dataset(data);
      this.options = options;
      this.across = this.set.columns.filter((each) => each.role === "param" && each.varies);
      this.down = this.set.columns.filter((each) =>
        each.kind === "number" && each.role !== "param" && isPlottable(this.set, each));
      this.goodness = nbexp.goodness(this.set);
      const first = ((data.importance || [])[0] || {}).param;
      this.x = this.across.find((each) => each.key === first) || this.across[0];
      this.y = this.down.includes(this.set.metric) ? this.set.metric : this.down[0];
      this.shown = null;
      box.append(this.makeControls());
      this.chart = nbexp.chart(box, (svg, width) => this.draw(svg, width), { role: "group" });
      if ((data.pruned || []).includes(true))
        box.append(element("p", { class: "note" }, "Hollow: pruned."));
      this.listen();
    }

    makeControls() {
      const choose = (label, columns, name) => nbexp.select(label,
        columns.map((column) => [column.key, column.title]), this[name].key, (key) => {
          this[name] = this.set.column(key);
          this.chart.redraw();
        });
      return element("div", { class: "controls" },
        choose("Across", this.across, "x"), choose("Up", this.down, "y"));
    }

    draw(svg, width) {
      const height = Math.round(Math.min(420, Math.max(260, width * 0.5)));
      this.area = { left: 56, right: width - 14, top: 30, bottom: height - 42 };
      this.xs = nbexp.columnScale(this.set, this.x, { pad: 0.04, atValues: true });
      this.ys = nbexp.columnScale(this.set, this.y, { pad: 0.06 });
      const title = ({ column, scale }) => ({ scale, title: column.title });
      nbexp.drawAxes(svg, this.area, title(this.xs), title(this.ys));
      const rows = [...this.goodness.keys()].filter((row) => this.point(row));
      const order = rows.sort((a, b) => this.goodness[a] - this.goodness[b]);
      this.points = new Map(order.map((row) => [row, this.makePoint(row)]));
      this.ring = shape("circle", { class: "ring", r: 9, visibility: "hidden" });
      svg.append(shape("g", { class: "points" }, ...this.points.values()), this.ring);
      this.fade();
      const label = `${this.y.title} against ${this.x.title}, ${rows.length} variants`;
      return { height, label: label + nbexp.bestInWords(this.set) };
    }

    point(row) {
      const [x, y] = [this.xs.places[row], this.ys.places[row]];
      if (x === null || y === null) return null;
      const { left, right, top, bottom } = this.area;
      return [left + x * (right - left), bottom - y * (bottom - top)];
    }

    makePoint(row) {
      const [cx, cy] = this.point(row);
      const { pruned, links } = this.set.data;
      const colour = this.goodness[row] === null ? "var(--muted)" : nbexp.ramp(this.goodness[row]);
      const isHollow = pruned && pruned[row];
      const style = isHollow ? `stroke: ${colour}` : `fill: ${colour}`;
      const r = this.goodness.length > CROWD ? 3 : 4.5;
      const dot = shape("circle", { cx, cy, r, style, class: isHollow ? "is-hollow" : null });
      const label = nbexp.rowLines(this.set, row, [this.x, this.y]).join(", ");
      const target = links && links[row];
      if (!target) return dot;
      return shape("a", { href: target, "aria-label": label, tabindex: "-1" }, dot);
    }

    listen() {
      const { svg } = this.chart;
      svg.addEventListener("pointermove", (event) => this.onMove(event));
      svg.addEventListener("pointerleave", () => this.onRow(null));
    }

    onMove(event) {
      const [x, y] = nbexp.pointerAt(this.chart.svg, event);
      let [found, least] = [null, NEAR];
      for (const row of this.points.keys()) {
        if (this.shown && !this.shown.has(row)) continue;
        const [left, top] = this.point(row);
        const distance = Math.hypot(left - x, top - y);
        if (distance <= least) [found, least] = [row, distance];
      }
      this.onRow(found);
      if (found !== null) nbexp.showTip(event, nbexp.rowLines(this.set, found, [this.x, this.y]));
    }

    onRow(row) {
      if (row === null) nbexp.hideTip();
      if (row === this.hovered) return;
      this.hovered = row;
      this.highlight(row);
      if (this.options.onHover) this.options.onHover(row);
    }

    highlight(row) {
      if (!this.ring) return;
      const point = row === null ? null : this.point(row);
      this.ring.setAttribute("visibility", point ? "visible" : "hidden");
      if (!point) return;
      this.ring.setAttribute("cx", point[0]);
      this.ring.setAttribute("cy", point[1]);
    }

    fade() {
      for (const [row, node] of this.points || [])
        node.classList.toggle("is-out", Boolean(this.shown) && !this.shown.has(row));
    }

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
   * @param {HTMLElement} box
   * @param {Object} data Of a stage.
   * @param {{onHover: function(?number)}} [options]
   * @returns {{show: function(?Set), highlight: function(?number)}} To show only some rows.
   */
  charts.scatter = (box, data, options = {}) => new Scatter(box, data, options);

  /**
   * Draw how much each parameter matters, with whiskers for the error.
   * @param {HTMLElement} box
   * @param {{importance: ?Array<{param: string, value: number, error: number}>,
   *   importance_note: string}} data
   */
  charts.importance = function (box, data) {
    const bars = data.importance || [];
    if (bars.length) nbexp.chart(box, (svg, width) => drawBars(svg, width, bars));
    if (data.importance_note) box.append(element("p", { class: "note" }, data.importance_note));
  };

  function drawBars(svg, width, bars) {
    const line = 26;
    const longest = bars.reduce((most, bar) => Math.max(most, bar.param.length), 0);
    const left = Math.min(longest * 6.6 + 14, width * 0.4);
    const most = bars.reduce((a, bar) => Math.max(a, bar.value + (bar.error || 0)), 0) || 1;
    const toX = (value) => left + (Math.min(Math.max(value, 0), most) / most) * (width - left - 56);
    bars.forEach(({ param, value, error }, index) => {
      const middle = index * line + line / 2;
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

  const whiskerPath = ([from, to], y) =>
    `M${from} ${y - 4}V${y + 4}M${from} ${y}H${to}M${to} ${y - 4}V${y + 4}`;
})();
