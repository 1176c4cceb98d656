/* The history page: the best value of each metric, run after run, and the best so far. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { shape } = nbexp;
  const charts = JSON.parse(document.getElementById("history-data").textContent);

  /** Draw the values of the runs as dots, and the best so far as a line of steps. */
  function draw(svg, width, { title, metric, mode, runs, values }) {
    const area = { left: 56, right: width - 14, top: 30, bottom: 210 };
    const known = [...values.keys()].filter((run) => Number.isFinite(values[run]));
    const x = nbexp.numberScale(known.map((run) => run + 1), { log: false, pad: 0.04, atValues: known.length < 12 });
    const y = nbexp.numberScale(known.map((run) => values[run]), { log: false, pad: 0.08 });
    nbexp.drawAxes(svg, area, { scale: x, title: "run no." }, { scale: y, title: metric });
    const place = (run, value) => [
      area.left + x.place(run + 1) * (area.right - area.left),
      area.bottom - y.place(value) * (area.bottom - area.top),
    ];
    let best = null;
    let path = "";
    for (const run of known) {
      const isBetter = best === null || (mode === "min" ? values[run] < best : values[run] > best);
      if (isBetter) best = values[run];
      const [across, down] = place(run, best);
      path += path ? `H${across}V${down}` : `M${across} ${down}`;
    }
    svg.append(shape("path", { d: path, fill: "none", style: "stroke: var(--chart-1)", "stroke-width": 1.5 }));
    for (const run of known) {
      const [cx, cy] = place(run, values[run]);
      const lines = [`${run + 1}. ${runs[run]}`, `${metric} ${nbexp.short(values[run])}`];
      svg.append(shape("circle", { cx, cy, r: 4.5, style: "fill: var(--chart-1)",
        onpointermove: (event) => nbexp.showTip(event, lines), onpointerleave: nbexp.hideTip }));
    }
    return { height: 252, label: `${title}: ${known.length} runs, best ${nbexp.short(best)}` };
  }

  for (const box of document.querySelectorAll("[data-history]")) {
    const told = charts[Number(box.dataset.history)];
    nbexp.chart(box, (svg, width) => draw(svg, width, told));
  }
})();
