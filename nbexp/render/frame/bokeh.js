// Draws a figure of bokeh, or of Panel: runs the script that came with it, once the libraries are there.
(() => {
  "use strict";
  const { html, libraries } = /** @type {BokehData} */ (nbexp.data());
  const place = /** @type {HTMLElement} */ (document.getElementById("output"));
  window.addEventListener("unhandledrejection", (event) => nbexp.fail(event.reason));

  /**
   * Panel looks for the very version that wrote the figure; another one may do as well.
   * @param {string[]} sources
   */
  const offerAs = (sources) => {
    const wanted = /version = '([^']+)'/.exec(sources.join());
    if (wanted) Bokeh.versions = new Map([[wanted[1], Bokeh]]);
  };

  /**
   * Bokeh's elements are in an output before that of the script.
   * @param {string} source
   */
  const addPlaces = (source) => {
    for (const [, roots] of source.matchAll(/"roots":(\{[^{}]*\})/g)) {
      for (const id of Object.values(JSON.parse(roots))) {
        if (document.getElementById(id)) continue;
        place.append(Object.assign(document.createElement("div"), { id }));
      }
    }
  };

  const draw = () => {
    place.innerHTML = html; // which runs no scripts
    const scripts = [...place.querySelectorAll("script")];
    const sources = scripts.map((script) => script.textContent || "");
    for (const script of scripts) script.remove();
    offerAs(sources);
    for (const source of sources) {
      addPlaces(source);
      new Function(source)();
    }
  };

  const load = async () => {
    for (const name of libraries) await nbexp.library(name);
  };
  load().then(draw).then(nbexp.drawn).catch(nbexp.fail);
})();
