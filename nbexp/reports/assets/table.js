/* The table of variants: sorted, filtered, and drawn a window of rows at a time. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element } = nbexp;
  const FIRST = 80; // rows drawn at once, which is more than a screen shows
  const MORE = 200; // rows drawn when the last ones are scrolled to
  const LONG = 24; // characters from which a text may be cut
  /** @type {Record<string, string>} */
  const GROUPS = { param: "Parameters", lineage: "From", scrap: "Results", logged: "Logged last" };

  /** @type {Column} */
  const NAMES = { key: "variant", title: "variant", role: "fact", kind: "text",
    varies: true, shown: true, mode: "" }; // where data have no such column

  /** @typedef {{column: Column, isDown: boolean}} Order */

  /**
   * Sort rows by several keys; rows without a value are last, whichever the direction.
   * @param {Dataset} set
   * @param {number[]} rows
   * @param {Order[]} orders
   */
  function sortRows(set, rows, orders) {
    const keys = orders.map(({ column, isDown }) => ({
      of: set.values(column).map((value) => nbexp.sortKey(column, value)),
      sign: isDown ? -1 : 1,
    }));
    const compare = function (/** @type {number} */ a, /** @type {number} */ b) {
      for (const { of, sign } of keys) {
        const [one, other] = [of[a], of[b]];
        if (one === null && other === null) continue;
        if (one === null || other === null) return one === null ? 1 : -1;
        const order = sign * nbexp.compareKeys(one, other);
        if (order) return order;
      }
      return a - b;
    };
    return orders.length ? [...rows].sort(compare) : rows;
  }

  /** @implements {ControlledTable} */
  class Table {
    filterText = "";
    drawn = 0; // rows
    /** @type {number | null} */
    hovered = null;

    /**
     * @param {HTMLElement} box
     * @param {TableData} data
     * @param {TableOptions} options
     */
    constructor(box, data, options) {
      this.set = nbexp.dataset(data);
      this.data = data;
      this.options = options;
      this.nameColumn = this.set.column("variant") || null;
      this.columns = this.set.columns.filter((column) => column !== this.nameColumn);
      /** @type {Map<Column, (value: Value) => string>} */
      this.formats = new Map();
      this.defaults = this.columns.filter(isShownFirst).map((column) => column.key);
      this.shown = new Set(this.defaults);
      /** @type {Order[]} */
      this.orders = [];
      /** @type {Set<number>} */
      this.selected = new Set();
      this.found = this.rows = [...data.rows.keys()];
      this.filter = nbexp.readFilter("", this.set.columns);
      this.head = element("thead");
      this.body = element("tbody");
      const title = this.options.caption || "Variants";
      const caption = element("caption", { class: "visually-hidden" }, title);
      const table = element("table", { class: "variants" }, caption, this.head, this.body);
      this.end = element("div", { class: "table-end" });
      const region = { class: "table-box is-tall", tabindex: "0", role: "region" };
      this.box = element("div", { ...region, "aria-label": title }, table, this.end);
      this.controls = nbexp.tableControls(this);
      box.append(this.controls.element, this.box);
      const nearby = { root: this.box, rootMargin: "1200px" };
      this.watcher = new IntersectionObserver((entries) => {
        if (entries.some((entry) => entry.isIntersecting)) this.draw(MORE);
      }, nearby);
      this.listen();
      this.update();
    }

    listen() {
      nbexp.beforePrint(() => this.draw(Infinity));
      this.head.addEventListener("click", (event) => this.onHead(event));
      this.body.addEventListener("change", (event) =>
        this.onPick(/** @type {HTMLInputElement} */ (event.target)));
      this.body.addEventListener("pointerover", (event) =>
        this.onHover(/** @type {Element} */ (event.target).closest("tr")));
      this.body.addEventListener("pointerleave", () => this.onHover(null));
    }

    /** The columns that are shown, in their order. */
    get visible() {
      return this.columns.filter((column) => this.shown.has(column.key));
    }

    /**
     * What a value of a column is written as.
     * @param {Column} column
     * @param {Value} value
     */
    text(column, value) {
      const write = this.formats.get(column) || nbexp.format(column, this.set.values(column));
      this.formats.set(column, write);
      return write(value);
    }

    /** Filter and sort anew, draw, and tell. */
    update() {
      this.found = nbexp.applyFilter(this.set, this.filter);
      this.resort();
      this.controls.update();
      if (this.options.onFilter) this.options.onFilter(this.found, this.filter.conditions);
    }

    resort() {
      this.rows = sortRows(this.set, this.found, this.orders);
      this.redraw();
      if (this.options.onChange) this.options.onChange();
    }

    redraw() {
      this.drawHead();
      this.body.replaceChildren();
      this.drawn = 0;
      this.box.scrollTop = 0;
      this.draw(FIRST);
    }

    /**
     * Draw rows that are not drawn yet.
     * @param {number} count At most.
     */
    draw(count) {
      const next = this.rows.slice(this.drawn, this.drawn + count);
      const columns = this.visible.map((column) => ({ column, at: this.set.columns.indexOf(column) }));
      this.body.append(...next.map((row) => this.makeRow(row, columns)));
      this.drawn += next.length;
      this.watcher.unobserve(this.end);
      if (this.drawn < this.rows.length) this.watcher.observe(this.end);
    }

    /**
     * @param {number} row
     * @param {{column: Column, at: number}[]} columns
     */
    makeRow(row, columns) {
      const values = this.data.rows[row];
      const cells = columns.map(({ column, at }) => this.makeCell(column, values[at]));
      const classes = this.selected.has(row) ? "is-selected" : null;
      return element("tr", { "data-row": row, class: classes }, this.makeName(row), ...cells);
    }

    /** @param {number} row */
    makeName(row) {
      const name = this.set.name(row);
      const link = this.data.links[row];
      const text = link ? element("a", { href: link, title: this.set.title(row) }, name) : name;
      const pick = this.options.compare ? this.makePick(row, name) : null;
      const isKept = this.data.kept && this.data.kept[row];
      const kept = isKept ? element("span", { class: "tag" }, "kept") : null;
      return element("th", { scope: "row" }, element("div", { class: "name" }, pick, text, kept));
    }

    /**
     * @param {number} row
     * @param {string} name
     */
    makePick(row, name) {
      const checked = this.selected.has(row);
      return element("input", { type: "checkbox", checked, "aria-label": `Compare ${name}` });
    }

    /**
     * @param {Column} column
     * @param {Value} value
     */
    makeCell(column, value) {
      const text = this.text(column, value);
      if (column.kind === "state")
        return element("td", {}, element("span", { class: "badge", "data-state": value }, text));
      if (nbexp.isNumeric(column) || typeof value === "number")
        return this.makeNumber(column, value, text);
      const title = text.length > LONG ? text : null;
      return element("td", {}, element("span", { class: "clip", title }, text));
    }

    /**
     * @param {Column} column
     * @param {Value} value
     * @param {string} text
     */
    makeNumber(column, value, text) {
      const isCut = column.kind === "number" && value !== null && String(value) !== text;
      const title = isCut ? value : null;
      if (column !== this.set.metric || !this.isBest(column, value))
        return element("td", { class: "num", title }, text);
      const best = element("span", { class: "visually-hidden" }, " (best)");
      return element("td", { class: "num is-best", title }, text, best);
    }

    /**
     * @param {Column} metric
     * @param {Value} value
     */
    isBest(metric, value) {
      const best = this.set.best[0];
      const at = this.set.columns.indexOf(metric);
      return best !== undefined && this.data.rows[best][at] === value;
    }

    drawHead() {
      const columns = this.visible;
      /** @type {{role: string, count: number}[]} */
      const groups = [];
      for (const column of columns) {
        const last = groups[groups.length - 1];
        if (last && last.role === column.role) last.count += 1;
        else groups.push({ role: column.role, count: 1 });
      }
      const over = groups.map(({ role, count }) => GROUPS[role]
        ? element("th", { scope: "colgroup", colspan: count }, element("span", {}, GROUPS[role]))
        : element("td", { colspan: count }));
      const name = this.makeHeading(this.nameColumn || NAMES);
      const isGrouped = groups.some(({ role }) => GROUPS[role]);
      const top = isGrouped ? [element("tr", { class: "groups" }, element("td"), ...over)] : [];
      const headings = columns.map((column) => this.makeHeading(column));
      this.head.replaceChildren(...top, element("tr", {}, name, ...headings));
    }

    /** @param {Column} column */
    makeHeading(column) {
      const at = this.orders.findIndex((order) => order.column === column);
      const direction = at < 0 ? null : this.orders[at].isDown ? "descending" : "ascending";
      const rank = this.orders.length > 1 && at >= 0 ? element("sup", {}, String(at + 1)) : null;
      const [kind, title] = this.kindOf(column);
      const attributes = { type: "button", "data-key": column.key, title };
      const button = element("button", attributes, column.title, rank);
      const names = `${nbexp.isNumeric(column) ? "num" : ""} ${kind}`.trim();
      return element("th", { scope: "col", "aria-sort": direction, class: names || null }, button);
    }

    /**
     * What picks a column out among the others, as a class and in words.
     * @param {Column} column
     * @returns {[kind: string, title: string | null]}
     */
    kindOf(column) {
      if (column === this.set.metric) return ["is-metric", `the metric (${this.data.mode})`];
      const isCause = column.role === "param" || column.role === "lineage";
      return column.varies && isCause ? ["is-varying", "differs between variants"] : ["", null];
    }

    /** @param {MouseEvent} event */
    onHead(event) {
      const button = /** @type {Element} */ (event.target).closest("button");
      const column = button && this.set.column(button.dataset.key);
      if (!column) return;
      this.sortBy(column, event.shiftKey);
      const again = [...this.head.querySelectorAll("button")];
      const same = again.find((each) => each.dataset.key === column.key);
      if (same) same.focus({ preventScroll: true });
    }

    /**
     * Sort by a column; once more turns it round, and a third time takes it out.
     * @param {Column} column
     * @param {boolean} isAdded
     */
    sortBy(column, isAdded) {
      const before = this.orders.find((order) => order.column === column);
      const startsDown = column === this.set.metric && this.data.mode !== "min";
      const others = isAdded ? this.orders.filter((order) => order !== before) : [];
      const isOut = before && before.isDown !== startsDown;
      const next = { column, isDown: before ? !before.isDown : startsDown };
      this.orders = isOut ? others : [...others, next];
      this.resort();
    }

    /** @param {HTMLInputElement} input */
    onPick(input) {
      const line = input.closest("tr");
      if (!line) return;
      const row = Number(line.dataset.row);
      if (input.checked) this.selected.add(row);
      else this.selected.delete(row);
      line.classList.toggle("is-selected", input.checked);
      this.onSelected();
    }

    onSelected() {
      this.controls.update();
      if (this.options.onSelect) this.options.onSelect([...this.selected]);
    }

    clearSelection() {
      this.selected.clear();
      this.redraw();
      this.onSelected();
    }

    /** @param {HTMLElement | null} line */
    onHover(line) {
      const row = line ? Number(line.dataset.row) : null;
      if (row === this.hovered) return;
      this.hovered = row;
      if (this.options.onHover) this.options.onHover(row);
    }

    /** @param {string} text */
    setFilter(text) {
      this.filter = nbexp.readFilter(text, this.set.columns);
      this.filterText = text;
      this.box.style.minHeight = `${this.box.offsetHeight}px`; // what is below stays where it is
      this.update();
    }

    /** @param {string[]} keys */
    show(keys) {
      this.shown = new Set(keys);
      this.redraw();
      this.controls.update();
      if (this.options.onChange) this.options.onChange();
    }

    /** @param {number | null} row */
    highlight(row) {
      const before = this.body.querySelector(".is-hovered");
      if (before) before.classList.remove("is-hovered");
      const line = row === null ? null : this.body.querySelector(`[data-row="${row}"]`);
      if (line) line.classList.add("is-hovered");
    }

    /** The rows and columns that are shown, as comma-separated values at full precision. */
    csv() {
      const columns = [...(this.nameColumn ? [this.nameColumn] : []), ...this.visible];
      const at = columns.map((column) => this.set.columns.indexOf(column));
      const quoted = function (/** @type {Value} */ value) {
        const text = value === null || value === undefined ? "" : String(value);
        return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
      };
      const lines = this.rows.map((row) => at.map((index) => this.data.rows[row][index]));
      return [columns.map((column) => column.key), ...lines]
        .map((line) => line.map(quoted).join(",") + "\r\n").join("");
    }
  }

  /** @param {Column} column */
  function isShownFirst(column) {
    return column.shown !== false && (column.role !== "param" || column.varies);
  }

  /**
   * Make a table of variants.
   * @param box What it is put into.
   * @param data
   * @param options
   */
  nbexp.table = function (box, data, options = {}) {
    const table = new Table(box, data, options);
    const setFilter = (/** @type {string} */ text) => table.controls.setText(text);
    return {
      setFilter,
      replace(column, comparisons) {
        const { columns } = table.set;
        setFilter(nbexp.replaceConditions(table.filterText, columns, column, comparisons));
      },
      highlight: (row) => table.highlight(row),
      state: () => readState(table),
      restore: (state) => restoreState(table, state),
    };
  };

  /** @param {Table} table */
  function readState(table) {
    const keys = table.visible.map((column) => column.key);
    return {
      filter: table.filterText,
      sort: table.orders.map(({ column, isDown }) => (isDown ? "-" : "") + column.key),
      columns: String(keys) === String(table.defaults) ? [] : keys,
    };
  }

  /**
   * @param {Table} table
   * @param {Partial<TableState>} state
   */
  function restoreState(table, { filter, sort = [], columns = [] }) {
    if (columns.length) table.shown = new Set(columns);
    table.orders = sort.flatMap(function (key) {
      const column = table.set.column(key.replace(/^-/, ""));
      return column ? [{ column, isDown: key.startsWith("-") }] : [];
    });
    table.controls.setText(filter || "");
  }
})();
