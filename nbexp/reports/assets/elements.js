/* Elements of the page, made without HTML text, so that nothing in the data can be markup. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const SVG = "http://www.w3.org/2000/svg";

  /**
   * @template {Element} Kind
   * @param {Kind} node
   * @param {Attributes | undefined} attributes
   * @param {Child[]} children
   */
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function")
        node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  /**
   * Make an HTML element.
   * @param tag
   * @param attributes Those named on… are listeners; null and false are left out.
   * @param children
   */
  nbexp.element = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /** Make an SVG element; arguments are those of `nbexp.element`. */
  nbexp.shape = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  /** Have something done before the page is printed, or shown as it would be. */
  nbexp.beforePrint = (action) => {
    window.addEventListener("beforeprint", action);
    window.matchMedia("print").addEventListener("change", (event) => event.matches && action());
  };

  /**
   * Make a labelled select.
   * @param label
   * @param choices Value and text of each.
   * @param value The one chosen at first.
   * @param onChange
   */
  nbexp.select = function (label, choices, value, onChange) {
    const options = choices.map(([key, text]) =>
      nbexp.element("option", { value: key, selected: key === value }, text)
    );
    const chosen = () => onChange(select.value);
    /** @type {HTMLSelectElement} */
    const select = nbexp.element("select", { onchange: chosen }, ...options);
    return nbexp.element("label", { class: "control" }, nbexp.element("span", {}, label), select);
  };

  /** Make a labelled check box. */
  nbexp.toggle = function (label, checked, onChange) {
    const listener = () => onChange(box.checked);
    /** @type {HTMLInputElement} */
    const box = nbexp.element("input", { type: "checkbox", checked, onchange: listener });
    return nbexp.element("label", { class: "control" }, box, nbexp.element("span", {}, label));
  };

  /** @type {HTMLElement | null} */
  let tip = null;

  /**
   * Show lines of text beside the pointer; the first one stands out.
   * @param pointer
   * @param lines
   */
  nbexp.showTip = function (pointer, lines) {
    if (!tip) {
      tip = nbexp.element("div", { class: "tip", "aria-hidden": "true" });
      document.body.append(tip);
    }
    tip.replaceChildren(...lines.map((line) => nbexp.element("div", {}, line)));
    tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const left = Math.min(pointer.clientX + 14, document.documentElement.clientWidth - width - 8);
    const below = pointer.clientY + 16;
    const top = below + height > window.innerHeight ? pointer.clientY - height - 10 : below;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  };

  /** Hide what `nbexp.showTip` shows. */
  nbexp.hideTip = function () {
    if (tip) tip.hidden = true;
  };
})();
