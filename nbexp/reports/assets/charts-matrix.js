/* Confusion matrices, as tables: true labels down, predicted ones across. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element } = nbexp;
  const charts = (nbexp.charts = nbexp.charts || {});
  const MANY = 24; // labels from which cells are small

  const sum = (/** @type {number[]} */ numbers) => numbers.reduce((total, number) => total + number, 0);
  const percent = (/** @type {number} */ share) =>
    `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;

  class Matrices {
    /**
     * @param {HTMLElement} box
     * @param {StageData} data
     */
    constructor(box, data) {
      this.data = data;
      this.set = nbexp.dataset(data);
      this.matrices = this.sorted();
      this.chosen = 0;
      this.isShare = false;
      this.place = element("div", {});
      box.append(this.makeControls(), this.place);
      this.draw();
    }

    /** The matrices, those of the best variants first. */
    sorted() {
      const rank = new Map(this.set.best.map((row, index) => [row, index]));
      const of = (/** @type {Matrix} */ { row }) => rank.get(row) ?? Infinity;
      return [...this.data.matrices].sort((a, b) => of(a) - of(b) || a.row - b.row);
    }

    makeControls() {
      const isOneName = new Set(this.matrices.map((matrix) => matrix.name)).size === 1;
      /** @type {[string, string][]} */
      const choices = this.matrices.map((matrix, index) => {
        const title = this.set.title(matrix.row);
        return [String(index), isOneName ? title : `${title} — ${matrix.name}`];
      });
      const choose = nbexp.select("Variant", choices, "0", (value) => {
        this.chosen = Number(value);
        this.draw();
      });
      const share = nbexp.toggle("Shares of the true label", false, (value) => {
        this.isShare = value;
        this.draw();
      });
      return element("div", { class: "controls" }, choose, share);
    }

    draw() {
      const matrix = this.matrices[this.chosen];
      const words = `${matrix.name}: true labels down, predicted labels across`;
      const caption = element("caption", { class: "visually-hidden" }, words);
      const lines = matrix.counts.map((counts, index) => this.makeLine(matrix, counts, index));
      const size = matrix.labels.length > MANY ? "matrix is-small" : "matrix";
      const body = element("tbody", {}, ...lines);
      const table = element("table", { class: size }, caption, makeHead(matrix.labels), body);
      const region = { class: "table-box", tabindex: "0", role: "region", "aria-label": words };
      const finding = element("p", {}, inWords(matrix));
      this.place.replaceChildren(finding, element("div", region, table));
    }

    /**
     * @param {Matrix} matrix
     * @param {number[]} counts
     * @param {number} index
     */
    makeLine(matrix, counts, index) {
      const total = sum(counts) || 1;
      const cells = counts.map((count, at) => {
        const share = count / total;
        const kind = at === index ? "is-right" : "is-wrong";
        const depth = at === index ? share : Math.sqrt(share); // so that few mistakes are seen
        const names = `${matrix.labels[index]} taken for ${matrix.labels[at]}`;
        return element("td", {
          class: count === 0 ? `${kind} is-zero` : kind,
          style: `--share: ${depth.toFixed(3)}`,
          title: `${names}: ${nbexp.short(count)} (${percent(share)})`,
        }, this.isShare ? percent(share) : nbexp.short(count));
      });
      return element("tr", {}, element("th", { scope: "row" }, matrix.labels[index]), ...cells);
    }
  }

  /** @param {string[]} labels */
  function makeHead(labels) {
    const across = { colspan: labels.length, scope: "colgroup" };
    const names = labels.map((label) => element("th", { scope: "col" }, label));
    return element("thead", {},
      element("tr", {}, element("td", {}), element("th", across, "predicted")),
      element("tr", {}, element("th", { scope: "col" }, "true"), ...names));
  }

  /**
   * The finding of a matrix: how much is right, and what is confused most.
   * @param {Matrix} matrix
   */
  function inWords({ labels, counts }) {
    const right = sum(counts.map((line, index) => line[index]));
    const all = sum(counts.map(sum)) || 1;
    let worst = { count: 0, from: 0, to: 0 };
    counts.forEach((line, from) => line.forEach((count, to) => {
      if (from !== to && count > worst.count) worst = { count, from, to };
    }));
    const start = `${nbexp.short(right)} of ${nbexp.short(all)} right (${percent(right / all)})`;
    if (worst.count === 0) return `${start}.`;
    const names = `${labels[worst.from]} taken for ${labels[worst.to]}`;
    return `${start}. Confused most: ${names}, ${nbexp.short(worst.count)} times.`;
  }

  /**
   * Show confusion matrices, of one variant at a time.
   * @param box
   * @param data Of a stage.
   */
  charts.matrix = function (box, data) {
    new Matrices(box, data);
  };
})();
