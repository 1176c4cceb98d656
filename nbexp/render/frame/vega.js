// Draws a chart of Vega or Vega-Lite. One with no ground, or a white one, gets the page's colours.
(() => {
  "use strict";
  const WHITE = /^(?:white|#fff|#ffffff)$/i;
  const DARK = { text: "#d6dae2", line: "#3a404a", mark: "#6ea8e5" };
  const spec = /** @type {VegaSpec} */ (nbexp.data());
  const ground = spec.background || (spec.config && spec.config.background) || "white";
  const isPlain = WHITE.test(ground);
  if (isPlain) spec.background = "transparent";
  /** @type {VegaView | null} */
  let view = null;

  const colours = () => {
    const font = getComputedStyle(document.body).fontFamily;
    if (!nbexp.isDark()) return { font };
    const { text, line, mark } = DARK;
    const words = { labelColor: text, titleColor: text };
    return {
      font,
      title: { color: text, subtitleColor: text },
      axis: { ...words, domainColor: line, gridColor: line, tickColor: line },
      legend: words,
      header: words,
      view: { stroke: line },
      style: { "guide-label": { fill: text }, "guide-title": { fill: text } },
      mark: { color: mark },
      text: { color: text },
      rule: { color: text },
    };
  };

  /**
   * Take out where data would be loaded from, and say so: nothing is loaded in a report.
   * @param {VegaPart} part
   */
  const stayHere = (part) => {
    for (const data of [part.data].flat()) {
      if (!data || typeof data.url !== "string") continue;
      nbexp.fail(new Error(`its data is at ${data.url}, and a report loads nothing`));
      delete data.url;
      data.values = [];
    }
    for (const [name, value] of Object.entries(part)) {
      if (value && typeof value === "object" && !["values", "datasets"].includes(name)) stayHere(value);
    }
  };

  const draw = async () => {
    const options = { actions: false, renderer: "svg", config: isPlain ? colours() : {} };
    if (view) view.finalize();
    view = await vegaEmbed("#output", spec, options);
    nbexp.drawn();
  };

  stayHere(spec);
  const redraw = () => draw().catch(nbexp.fail);
  nbexp.library("vega").then(redraw, nbexp.fail);
  nbexp.onTheme(() => view && redraw());
})();
