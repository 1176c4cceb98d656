// Closes what a content security policy leaves open: WebRTC, links that connect beforehand, and
// refreshing. What no script can close is "location = …": it is refused before anything is sent, but
// Chromium has opened the connection by then.
// Elements that could do it, or that bring a window of their own in which all is as before, can't be
// made: a name such as "link" becomes "nb-link". What is used here is taken before other scripts run.
(() => {
  "use strict";
  const NAMES = ["iframe", "frame", "object", "embed", "portal", "fencedframe", "link", "meta"];
  const ABSENT = ["RTCPeerConnection", "webkitRTCPeerConnection", "XSLTProcessor"];
  const { apply } = Reflect;
  /**
   * @type {<Given extends unknown[], Result>(method: (...given: Given) => Result) =>
   *   (target: unknown, ...given: Given) => Result}
   */
  const taken = (method) => Function.prototype.call.bind(method);
  const indexOf = taken(String.prototype.indexOf);
  const lastIndexOf = taken(String.prototype.lastIndexOf);
  const lower = taken(String.prototype.toLowerCase);
  const slice = taken(String.prototype.slice);
  const find = taken(Document.prototype.querySelector);
  const selector = `${NAMES.join(",")},template`;

  /**
   * @param {object} target
   * @param {string} name
   * @param {unknown} value
   */
  const fix = (target, name, value) => {
    Object.defineProperty(target, name, { value, writable: false, configurable: false });
  };

  /** @param {string} name */
  const isBarred = (name) => {
    const known = lower(name);
    for (let number = 0; number < NAMES.length; number += 1) {
      if (known === NAMES[number]) return true;
    }
    return false;
  };

  // A tag's name goes on to a space, a slash or its end: "i<frames.length" of a script is no tag.
  /** @type {(text: string, start: number) => string} */
  const tagName = (text, start) => {
    let end = start;
    const most = start + 13; // the longest name has eleven letters
    while (end < most && end < text.length && indexOf("\t\n\f\r />", text[end]) < 0) end += 1;
    return slice(text, start, end);
  };

  /** @param {unknown} value */
  const tameName = (value) => {
    const name = `${value}`;
    const local = slice(name, lastIndexOf(name, ":") + 1);
    return isBarred(local) ? `nb-${local}` : name;
  };

  /** @param {unknown} value */
  const tameHtml = (value) => {
    const text = `${value}`;
    let tame = "";
    let from = 0;
    for (let at = indexOf(text, "<"); at >= 0; at = indexOf(text, "<", at + 1)) {
      const start = text[at + 1] === "/" ? at + 2 : at + 1;
      if (isBarred(tagName(text, start))) {
        tame += `${slice(text, from, start)}nb-`;
        from = start;
      }
    }
    return tame + slice(text, from);
  };

  /**
   * @template {string} Method
   * @param {Record<Method, (...given: never[]) => unknown>} target
   * @param {Method} method
   * @param {number} position
   */
  const tameArgument = (target, method, position) => {
    const original = target[method];
    fix(target, method, /** @this {unknown} */ function (/** @type {unknown[]} */ ...given) {
      if (given.length > position) given[position] = tameName(given[position]);
      return apply(original, this, given);
    });
  };

  tameArgument(Document.prototype, "createElement", 0);
  tameArgument(Document.prototype, "createElementNS", 1);
  tameArgument(DOMImplementation.prototype, "createDocument", 1);

  const { define } = CustomElementRegistry.prototype;
  /** @type {(this: unknown, name: string, maker: CustomElementConstructor) => void} */
  const defineApart = function (name, maker) {
    return apply(define, this, [name, maker]); // none that extends an element of the browser's
  };
  fix(CustomElementRegistry.prototype, "define", defineApart);

  const { parseFromString } = DOMParser.prototype;
  /** @type {(this: unknown, text: unknown, type: unknown) => Document} */
  const parse = function (text, type) {
    const kind = `${type}`;
    const made = apply(parseFromString, this, [text, kind]);
    if (kind !== "text/html" && find(made, selector)) throw new TypeError("not in a report");
    return made;
  };
  fix(DOMParser.prototype, "parseFromString", parse);

  // What is written in pieces might be a name only when they are together.
  for (const method of /** @type {const} */ (["write", "writeln"])) {
    const original = Document.prototype[method];
    let held = "";
    fix(Document.prototype, method, /** @this {unknown} */ function (/** @type {unknown[]} */ ...pieces) {
      let text = held;
      for (let number = 0; number < pieces.length; number += 1) text += `${pieces[number]}`;
      const last = lastIndexOf(text, "<");
      const start = text[last + 1] === "/" ? last + 2 : last + 1;
      const isCut = last >= 0 && start + tagName(text, start).length === text.length;
      held = isCut ? slice(text, last) : "";
      apply(original, this, [isCut ? slice(text, 0, last) : text]);
    });
  }
  fix(window, "open", () => null);
  fix(window, "alert", () => undefined); // the sandbox shows none, but complains at each
  fix(window, "confirm", () => false);
  fix(window, "prompt", () => null);
  for (const name of ABSENT) fix(window, name, undefined);
  for (const target of [Element.prototype, ShadowRoot.prototype]) fix(target, "setHTML", undefined);
  fix(Document, "parseHTML", undefined);

  // What they say holds without them, and no copy of them says anything else.
  for (const meta of document.querySelectorAll("meta")) meta.remove();

  // All other ways from text to elements ask this policy, where the browser has Trusted Types.
  if (window.trustedTypes) {
    const asIs = (/** @type {string} */ text) => text;
    window.trustedTypes.createPolicy("default", {
      createHTML: tameHtml,
      createScript: asIs,
      createScriptURL: asIs,
    });
  }
})();
