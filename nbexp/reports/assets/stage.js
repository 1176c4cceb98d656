/* A stage's page: its table and its charts, all of which follow the table's filter. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element } = nbexp;
  const STATE = "#view:"; // begins the fragment of an address that holds the table's state

  /**
   * Return what fills a section of the page; without data, hide it and what leads to it.
   * @template View
   * @param {string} id
   * @param {boolean} hasData
   * @param {(box: HTMLElement) => View} make
   * @returns {() => View | null}
   */
  function prepare(id, hasData, make) {
    const section = document.getElementById(id);
    if (!section) return () => null;
    if (hasData) return () => make(section.appendChild(element("div")));
    section.hidden = true;
    /** @type {NodeListOf<HTMLElement>} */
    const links = document.querySelectorAll(`a[href="#${id}"]`);
    for (const link of links)
      (link.closest("li") || link).hidden = true;
    return () => null;
  }

  const afterPaint = (/** @type {() => void} */ action) =>
    requestAnimationFrame(() => setTimeout(action));

  function readState() {
    if (!location.hash.startsWith(STATE)) return null;
    const given = new URLSearchParams(location.hash.slice(STATE.length));
    const list = (/** @type {string} */ name) => (given.get(name) || "").split("\n").filter(Boolean);
    return { filter: given.get("filter") || "", sort: list("sort"), columns: list("columns") };
  }

  /**
   * Keep the table's state in the address, so that a view can be linked to.
   * @param {TableState} state
   */
  function keepState({ filter, sort, columns }) {
    const parts = { filter, sort: sort.join("\n"), columns: columns.join("\n") };
    const given = new URLSearchParams(Object.entries(parts).filter(([, text]) => text));
    if (!String(given) && !location.hash.startsWith(STATE)) return;
    const target = location.pathname + location.search + (String(given) ? STATE + given : "");
    try {
      history.replaceState(null, "", target);
    } catch {
      // from some places browsers don't let addresses be changed, or not as often
    }
  }

  /**
   * What each section but the table is drawn by, and whether it has anything to show.
   * @param {StageData} data
   * @param {ChartOptions["onHover"]} onHover
   * @param {ChartOptions["onBrush"]} onBrush
   * @returns {[id: string, hasData: boolean, make: (box: HTMLElement) => ChartView | void][]}
   */
  function sections(data, onHover, onBrush) {
    const { charts } = nbexp;
    const hasBars = (data.importance || []).length > 0 || Boolean(data.importance_note);
    const hasMatrices = (data.matrices || []).length > 0;
    return [
      ["parallel", charts.hasParallel(data), (box) => charts.parallel(box, data, { onHover, onBrush })],
      ["scatter", charts.hasScatter(data), (box) => charts.scatter(box, data, { onHover })],
      ["importance", hasBars, (box) => charts.importance(box, data)],
      ["curves", charts.hasCurves(data), (box) => charts.curves(box, data, { onHover })],
      ["matrices", hasMatrices, (box) => charts.matrix(box, data)],
    ];
  }

  /** @param {StageData} data */
  function showStage(data) {
    /** @type {ChartView[]} */
    const views = [];
    /** @type {TableView | null} */
    let table = null;
    /** @type {ChartOptions["onHover"]} */
    const onHover = (row) => [table, ...views].forEach((view) => view && view.highlight(row));
    /** @type {ChartOptions["onBrush"]} */
    const onBrush = (column, comparisons) => table && table.replace(column, comparisons);
    const onChange = () => table && keepState(table.state());
    /** @type {TableOptions["onFilter"]} */
    const onFilter = (rows, conditions) => {
      const shown = rows.length === data.rows.length ? null : new Set(rows);
      for (const view of views) view.show(shown, conditions);
    };
    const told = { onFilter, onHover, onChange };
    const options = { compare: "../compare.html", caption: `Variants of ${data.stage}`, ...told };
    table = prepare("table", data.rows.length > 0, (box) => nbexp.table(box, data, options))();
    const waiting = sections(data, onHover, onBrush).map((each) => prepare(...each));
    afterPaint(() => {
      for (const start of waiting) {
        const view = start();
        if (view) views.push(view);
      }
      const state = readState();
      if (table && state) table.restore(state);
    });
  }

  /**
   * Draw learning curves into an element, of data in the form of a stage's.
   * @param box
   * @param data With curves and labels; links, pruned, columns, rows, metric if known.
   */
  nbexp.curves = (box, data) => nbexp.charts.curves(box, data);

  const source = document.getElementById("stage-data");
  const { stage } = document.body.dataset;
  if (source) showStage(JSON.parse(source.textContent));
  else if (stage && nbexp.data) showStage(nbexp.data[stage]);
})();
