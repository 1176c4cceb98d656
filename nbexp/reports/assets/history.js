/* The history page: the best value of each metric, run after run. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const charts = JSON.parse(document.getElementById("history-data").textContent);
  for (const box of document.querySelectorAll("[data-history]")) {
    const { metric, values } = charts[Number(box.dataset.history)];
    const known = [...values.keys()].filter((run) => values[run] !== null);
    const line = [known.map((run) => run + 1), known.map((run) => values[run])];
    const data = {
      metric, curves: { [metric]: [line] }, labels: ["best"], links: ["leaderboard.html"], pruned: [false],
    };
    nbexp.charts.curves(box, data);
  }
})();
