// Shows a widget without a kernel. Their JavaScript (widgetsnbextension, which ipywidgets brings) asks
// of a page what the classic notebook had; this is as much of it as they need to be shown, and moved.
// What their bundle does not hold is refused, since nothing is loaded: the page then keeps its own.
(() => {
  "use strict";
  const STATE = "application/vnd.jupyter.widget-state+json";
  const { model: shown, state } = /** @type {WidgetsData} */ (nbexp.data());
  /** @type {(...given: unknown[]) => undefined} */
  const rest = () => undefined;
  /** @type {WidgetsBundle | null} */
  let bundle = null;
  /** @type {() => void} */
  let restored = rest;
  /** @type {Promise<void>} */
  const whenRestored = new Promise((resolve) => (restored = resolve));

  class OutputArea {
    /** @param {{selector: Element}} place */
    constructor({ selector }) {
      this.element = selector;
    }

    register_mime_type() {}

    clear_output() {
      this.element.replaceChildren();
    }

    /** @param {string[]} outputs */
    fromJSON(outputs) {
      this.element.innerHTML = outputs.join(""); // HTML that the report made of them
    }
  }

  const refuse = () => {
    throw new Error("there is no kernel");
  };
  // It is asked how many arguments it takes: target, data, callbacks, metadata, id, and buffers.
  Object.defineProperty(refuse, "length", { value: 6 });
  /** @type {WidgetsKernel} */
  const kernel = {
    is_connected: () => true,
    comm_info: (_, answer) => answer({ content: { comms: {} } }),
  };
  kernel.comm_manager = { kernel, register_target: rest, new_comm: refuse };

  const actions = { register: rest };
  const notebook = {
    kernel,
    metadata: { widgets: { [STATE]: { version_major: 2, version_minor: 0, state } } },
    keyboard_manager: { actions, register_events: rest },
    events: { on: rest },
    container: { on: rest },
    get_cells() {
      restored(); // it is asked once all widgets have their states
      return [];
    },
  };
  const Jupyter = {
    version: "6.5.0",
    notebook,
    menubar: { actions },
    notification_area: { widget: rest },
  };
  /** @type {Record<string, unknown>} */
  const modules = {
    "base/js/namespace": Jupyter,
    "base/js/events": notebook.events,
    "notebook/js/outputarea": { OutputArea },
  };

  /**
   * @param {string[]} names
   * @param {(...found: unknown[]) => void} done
   * @param {(error: Error) => void} [fail]
   */
  const load = (names, done, fail = rest) => {
    const missing = names.find((name) => !Object.hasOwn(modules, name));
    if (missing) fail(new Error(`the report has no ${missing}`));
    else done(...names.map((name) => modules[name]));
  };
  load.config = rest;
  /** @type {(name: unknown, make: (module: {uri: string}) => WidgetsBundle) => void} */
  const define = (_, make) => (bundle = make({ uri: "about:blank" }));
  Object.assign(window, { Jupyter, define, require: load, requirejs: load });

  const draw = async () => {
    if (!bundle) throw new Error("their library is not there");
    await bundle.load_ipython_extension();
    await whenRestored;
    const manager = kernel.widget_manager;
    if (!manager) throw new Error("their library has not started");
    const view = await manager.create_view(await manager.get_model(shown));
    const place = /** @type {HTMLElement} */ (document.getElementById("output"));
    bundle.JupyterLuminoWidget.attach(view.luminoWidget, place);
    await allViews(view);
    if (place.querySelector(".jupyter-widgets-error-widget")) throw new Error("a part is missing");
    nbexp.drawn();
  };

  /** @param {WidgetsView} view */
  const allViews = async (view) => {
    const views = await Promise.all((view.children_views && view.children_views.views) || []);
    await Promise.all(views.map(allViews));
  };

  nbexp.library("widgets").then(draw).catch(nbexp.fail);
})();
