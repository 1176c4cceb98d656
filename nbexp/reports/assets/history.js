/* The history page: the best value of each metric, run after run, and the best so far. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { shape } = nbexp;
  const source = document.getElementById("history-data");
  /** @type {HistoryData[]} */
  const charts = source ? JSON.parse(source.textContent) : [];

  /**
   * Draw the values of the runs as dots, and the best so far as a line of steps.
   * @param {SVGSVGElement} svg
   * @param {number} width
   * @param {HistoryData} told
   */
  function draw(svg, width, { title, metric, mode, runs, values }) {
    const area = { left: 56, right: width - 14, top: 30, bottom: 210 };
    const known = values.flatMap((value, run) => (Number.isFinite(value) ? [{ run, value }] : []));
    const x = nbexp.numberScale(known.map(({ run }) => run + 1), { log: false, pad: 0.04, atValues: known.length < 12 });
    const y = nbexp.numberScale(known.map(({ value }) => value), { log: false, pad: 0.08 });
    nbexp.drawAxes(svg, area, { scale: x, title: "run no." }, { scale: y, title: metric });
    const acrossOf = (/** @type {number} */ run) =>
      area.left + Number(x.place(run + 1)) * (area.right - area.left);
    const downOf = (/** @type {number} */ value) =>
      area.bottom - Number(y.place(value)) * (area.bottom - area.top);
    let best = NaN;
    let path = "";
    for (const { run, value } of known) {
      const isBetter = Number.isNaN(best) || (mode === "min" ? value < best : value > best);
      if (isBetter) best = value;
      const [across, down] = [acrossOf(run), downOf(best)];
      path += path ? `H${across}V${down}` : `M${across} ${down}`;
    }
    svg.append(shape("path", { d: path, fill: "none", style: "stroke: var(--chart-1)", "stroke-width": 1.5 }));
    for (const { run, value } of known) {
      const [cx, cy] = [acrossOf(run), downOf(value)];
      const lines = [`${run + 1}. ${runs[run]}`, `${metric} ${nbexp.short(value)}`];
      svg.append(shape("circle", { cx, cy, r: 4.5, style: "fill: var(--chart-1)",
        onpointermove: (event) => nbexp.showTip(event, lines), onpointerleave: nbexp.hideTip }));
    }
    return { height: 252, label: `${title}: ${known.length} runs, best ${nbexp.short(best)}` };
  }

  /** @type {NodeListOf<HTMLElement>} */
  const boxes = document.querySelectorAll("[data-history]");
  for (const box of boxes) {
    const told = charts[Number(box.dataset.history)];
    nbexp.chart(box, (svg, width) => draw(svg, width, told));
  }
})();
