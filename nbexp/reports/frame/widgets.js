// Shows a widget without a kernel. Their JavaScript (widgetsnbextension, which ipywidgets brings) asks
// of a page what the classic notebook had; this is as much of it as they need to be shown, and moved.
// What their bundle does not hold is refused, since nothing is loaded: the page then keeps its own.
(() => {
  "use strict";
  const STATE = "application/vnd.jupyter.widget-state+json";
  const { model: shown, state } = nbexp.data();
  const rest = () => undefined;
  let bundle = null;
  let restored = null;
  const whenRestored = new Promise((resolve) => (restored = resolve));

  class OutputArea {
    constructor({ selector }) {
      this.element = selector;
    }

    register_mime_type() {}

    clear_output() {
      this.element.replaceChildren();
    }

    fromJSON(outputs) {
      this.element.innerHTML = outputs.join(""); // HTML that the report made of them
    }
  }

  const kernel = {
    is_connected: () => true,
    comm_info: (target, answer) => answer({ content: { comms: {} } }),
  };
  kernel.comm_manager = {
    kernel,
    register_target: rest,
    new_comm: (...[target, data, callbacks, metadata, id, buffers]) => {
      throw new Error("there is no kernel");
    },
  };
  Object.defineProperty(kernel.comm_manager.new_comm, "length", { value: 6 });

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
  const modules = {
    "base/js/namespace": Jupyter,
    "base/js/events": notebook.events,
    "notebook/js/outputarea": { OutputArea },
  };

  const load = (names, done, fail = rest) => {
    const missing = names.find((name) => !Object.hasOwn(modules, name));
    if (missing) fail(new Error(`the report has no ${missing}`));
    else done(...names.map((name) => modules[name]));
  };
  load.config = rest;
  const define = (_, make) => (bundle = make({ uri: "about:blank" }));
  Object.assign(window, { Jupyter, define, require: load, requirejs: load });

  const draw = async () => {
    await bundle.load_ipython_extension();
    await whenRestored;
    const manager = kernel.widget_manager;
    const view = await manager.create_view(await manager.get_model(shown));
    const place = document.getElementById("output");
    bundle.JupyterLuminoWidget.attach(view.luminoWidget, place);
    await allViews(view);
    if (place.querySelector(".jupyter-widgets-error-widget")) throw new Error("a part is missing");
    nbexp.drawn();
  };

  const allViews = async (view) => {
    const views = await Promise.all((view.children_views && view.children_views.views) || []);
    await Promise.all(views.map(allViews));
  };

  nbexp.library("widgets").then(draw).catch(nbexp.fail);
})();
