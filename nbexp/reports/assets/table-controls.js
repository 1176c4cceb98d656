/* What stands above the table of variants: filter, columns, export, and what to compare. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element } = nbexp;
  /** @type {Record<string, string>} */
  const ROLES = {
    fact: "Facts", param: "Parameters", lineage: "From", scrap: "Results", logged: "Logged last",
  };
  let count = 0;

  /**
   * @param {string} text
   * @param {() => void} onclick
   */
  const button = (text, onclick) => element("button", { type: "button", onclick }, text);

  class Controls {
    /** @param {ControlledTable} table */
    constructor(table) {
      this.table = table;
      this.hint = element("p", { class: "hint", role: "status", id: `filter-hint-${++count}` });
      this.input = this.makeInput();
      this.columns = element("div", { class: "menu-body" });
      this.number = element("span", { class: "muted" });
      const summary = element("summary", {}, "Columns ", this.number);
      this.menu = element("details", { class: "menu" }, summary, this.columns);
      this.menu.hidden = table.columns.length === 0;
      closeOutside(this.menu);
      this.choice = element("span", { class: "choice" });
      const word = element("span", {}, "Filter");
      const search = element("label", { class: "control is-wide" }, word, this.input);
      const save = button("Save as CSV", () => this.save());
      const line = element("div", { class: "controls" }, search, this.menu, save, this.choice);
      this.element = element("div", {}, line, this.hint);
      this.makeColumns();
    }

    makeInput() {
      return element("input", {
        type: "search", "data-filter": true, autocomplete: "off", spellcheck: "false",
        placeholder: this.example(), "aria-describedby": this.hint.id,
        title: "Words, and comparisons with columns; all must hold. Press / to come here.",
        oninput: () => this.table.setFilter(this.input.value),
      });
    }

    /** An example with columns of this very table. */
    example() {
      const { columns, set } = this.table;
      const isParam = (/** @type {Column} */ each) => each.role === "param" && each.varies && nbexp.isNumeric(each);
      const param = columns.find(isParam);
      const state = columns.some((each) => each.kind === "state") ? "state=failed" : "words";
      if (!param) return state;
      const values = set.numbers(param).filter((value) => value !== null).sort((a, b) => a - b);
      return `${param.key}<${nbexp.short(values[values.length >> 1], 2)}  ${state}`;
    }

    /** @param {string} text */
    setText(text) {
      this.input.value = text;
      this.table.setFilter(text);
    }

    makeColumns() {
      const { table } = this;
      const of = (/** @type {string} */ role) => table.columns.filter((each) => each.role === role);
      const roles = Object.keys(ROLES).filter((role) => of(role).length);
      const parts = roles.map((role) => element("fieldset", {}, element("legend", {}, ROLES[role]),
        ...of(role).map((each) => this.makeBox(each))));
      const all = table.columns.map((column) => column.key);
      const buttons = element("div", { class: "controls" },
        button("All", () => table.show(all)),
        button("As at first", () => table.show(table.defaults)));
      this.columns.replaceChildren(...parts, buttons);
    }

    /** @param {Column} column */
    makeBox(column) {
      const { table } = this;
      const onchange = function () {
        const others = [...table.shown].filter((key) => key !== column.key);
        table.show(box.checked ? [...others, column.key] : others);
      };
      /** @type {HTMLInputElement} */
      const box = element("input", { type: "checkbox", value: column.key, onchange });
      const name = element("span", { class: column.varies ? null : "muted" }, column.title);
      return element("label", {}, box, name);
    }

    update() {
      const { table } = this;
      for (const box of this.columns.querySelectorAll("input"))
        box.checked = table.shown.has(box.value);
      this.number.textContent = `${table.visible.length} of ${table.columns.length}`;
      this.updateHint();
      this.updateChoice();
    }

    updateHint() {
      const { rows, filter, data } = this.table;
      const all = data.rows.length;
      const some = rows.length === all ? String(all) : `${rows.length} of ${all}`;
      const unit = all === 1 ? "variant" : "variants";
      this.hint.replaceChildren(`${some} ${unit}`,
        ...filter.problems.map((problem) => element("span", { class: "problem" }, problem)));
      this.input.setAttribute("aria-invalid", String(filter.problems.length > 0));
    }

    updateChoice() {
      const { selected, options, set, data } = this.table;
      if (!options.compare) return;
      if (selected.size === 0) return this.choice.replaceChildren();
      const rows = [...selected].sort((a, b) => a - b);
      const names = rows.map((row) => encodeURIComponent(set.name(row))).join(",");
      const target = `${options.compare}#${encodeURIComponent(data.stage)}:${names}`;
      const link = selected.size > 1
        ? element("a", { class: "button is-main", href: target }, `Compare ${selected.size}`)
        : element("span", { class: "muted" }, "Choose another to compare");
      this.choice.replaceChildren(link, button("Clear", () => this.table.clearSelection()));
    }

    save() {
      const blob = new Blob([this.table.csv()], { type: "text/csv" });
      const address = URL.createObjectURL(blob);
      const download = `${this.table.data.stage || "variants"}.csv`;
      element("a", { href: address, download }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    }
  }

  /**
   * Close a menu by Escape, or by a click elsewhere.
   * @param {HTMLDetailsElement} menu
   */
  function closeOutside(menu) {
    document.addEventListener("pointerdown", (event) => {
      if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
    });
    menu.addEventListener("keydown", function (event) {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      const summary = menu.querySelector("summary");
      if (summary) summary.focus();
    });
  }

  /** Make the controls of a table; used by table.js. */
  nbexp.tableControls = (table) => new Controls(table);
})();
