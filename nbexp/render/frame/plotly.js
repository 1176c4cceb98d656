// Draws a figure of plotly. One with a white ground gets the page's, and colours that are read on it.
(() => {
  "use strict";
  const WHITE = /^(?:white|#fff|#ffffff)$/i;
  const [TEXT, LINE, PLOT] = ["#d6dae2", "#3a404a", "#1e2127"];

  const figure = /** @type {PlotlyFigure} */ (nbexp.data());
  // A frame can neither save files nor send any.
  const modeBarButtonsToRemove = ["toImage", "sendDataToCloud", "sendChartToCloud"];
  const config = { ...figure.config, responsive: true, displaylogo: false, modeBarButtonsToRemove };
  const layout = figure.layout || {};
  const template = layout.template || {};
  const own = template.layout || {};
  const ground = layout.paper_bgcolor || own.paper_bgcolor || "white";

  const darkened = () => {
    const axis = { gridcolor: LINE, linecolor: LINE, zerolinecolor: LINE, tickcolor: LINE };
    /** @type {(name: keyof PlotlyParts, more: JsonTable) => JsonTable} */
    const merged = (name, more) => ({ ...own[name], ...more });
    const side = { ...axis, backgroundcolor: PLOT };
    const scene = Object.fromEntries(
      ["xaxis", "yaxis", "zaxis"].map((name) => [name, { ...(own.scene || {})[name], ...side }]),
    );
    const round = { bgcolor: PLOT, angularaxis: axis, radialaxis: axis };
    return {
      ...template,
      layout: {
        ...own,
        paper_bgcolor: "transparent",
        plot_bgcolor: PLOT,
        font: merged("font", { color: TEXT }),
        xaxis: merged("xaxis", axis),
        yaxis: merged("yaxis", axis),
        scene: { ...own.scene, ...scene },
        polar: merged("polar", round),
        ternary: merged("ternary", { bgcolor: PLOT, aaxis: axis, baxis: axis, caxis: axis }),
        geo: merged("geo", { bgcolor: "transparent", lakecolor: "#1d2430", landcolor: "#2b313b" }),
        modebar: { color: "#9aa1ad", activecolor: TEXT, bgcolor: "transparent" },
      },
    };
  };

  const lightened = () => {
    const modebar = { bgcolor: "transparent", color: "#8a8f98", activecolor: "#444a54" };
    return { ...template, layout: { ...own, paper_bgcolor: "transparent", modebar } };
  };
  const themed = () => (nbexp.isDark() ? darkened() : lightened());

  const draw = () => {
    if (!WHITE.test(ground)) return Plotly.newPlot("output", { ...figure, config });
    const shown = { ...layout, template: themed() };
    delete shown.paper_bgcolor;
    nbexp.onTheme(() => Plotly.relayout("output", { template: themed() }));
    return Plotly.newPlot("output", { ...figure, layout: shown, config });
  };

  nbexp.library("plotly").then(draw).then(nbexp.drawn).catch(nbexp.fail);
})();
