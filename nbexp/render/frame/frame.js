// Runs in every frame, before what the frame shows. The protocol is in sandbox.py.
(() => {
  "use strict";
  const page = window.parent;
  if (page === window) {
    document.documentElement.textContent = "This is part of a report; open the report itself.";
    window.stop();
    return;
  }
  const root = document.documentElement;
  const tell = page.postMessage.bind(page);
  /** @typedef {{promise: Promise<void>, resolve: () => void, reject: (error: Error) => void}} Answer */

  /** @type {Map<string, Answer>} */
  const asked = new Map();
  /** @type {(() => void)[]} */
  const followers = [];
  let told = 0;
  let isEmpty = false; // while something is still to be drawn, the height is the page's guess

  const measure = () => {
    if (isEmpty) return;
    const body = document.body;
    const content = Math.max(root.getBoundingClientRect().height, body ? body.scrollHeight : 0);
    const bar = window.innerHeight - root.clientHeight; // of scrolling sideways
    const height = Math.ceil(content) + bar;
    if (Math.abs(height - told) > 1) {
      told = height;
      tell({ nbexp: "height", value: height }, "*");
    }
  };

  /** @param {string} source */
  const run = (source) => {
    const script = document.createElement("script");
    script.textContent = source;
    document.head.append(script);
    script.remove();
  };

  /** @param {string} name */
  const ask = (name) => {
    const answer = /** @type {Answer} */ ({});
    answer.promise = new Promise((resolve, reject) => Object.assign(answer, { resolve, reject }));
    asked.set(name, answer);
    isEmpty = true;
    tell({ nbexp: "library", name }, "*");
    return answer;
  };

  /** @param {string} name */
  const library = (name) => (asked.get(name) || ask(name)).promise;

  const isDark = () => root.dataset.theme === "dark";

  /** @param {string} name */
  const setTheme = (name) => {
    if (root.dataset.theme === name) return;
    root.dataset.theme = name;
    for (const follow of followers) follow();
  };

  window.addEventListener("message", (event) => {
    const message = event.source === page ? event.data || {} : {};
    if (message.nbexp === "theme") {
      setTheme(message.value === "dark" ? "dark" : "light");
    } else if (message.nbexp === "library") {
      const answer = asked.get(message.name);
      if (!answer) return;
      if (typeof message.source !== "string") {
        answer.reject(new Error(`the report has no library ${message.name}`));
        return;
      }
      run(message.source);
      answer.resolve();
    }
  });

  // A link to elsewhere would be refused, and leave the frame without its content.
  const stay = (/** @type {Event} */ event) => {
    const path = /** @type {Element[]} */ (event.composedPath()); // what else is in it has no names
    const link = path.find(({ localName }) => localName === "a" || localName === "area");
    for (const name of ["href", "xlink:href"]) {
      const target = link && link.getAttribute(name);
      if (target && !/^(?:#|javascript:)/.test(target)) link.removeAttribute(name);
    }
  };
  window.addEventListener("click", stay, true);

  const fail = (/** @type {unknown} */ error) => {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = `This output can't be drawn: ${Object(error).message || error}`;
    document.body.append(note);
    isEmpty = false;
    measure();
  };

  const drawn = () => {
    isEmpty = false;
    measure();
    tell({ nbexp: "drawn" }, "*");
  };

  const nbexp = {
    library,
    fail,
    isDark,
    data: () => {
      const given = document.getElementById("data");
      return given && JSON.parse(given.textContent);
    },
    drawn,
    onTheme: (/** @type {() => void} */ follow) => followers.push(follow),
  };
  Object.defineProperty(window, "nbexp", { value: Object.freeze(nbexp) });
  document.addEventListener("DOMContentLoaded", () => {
    const observer = new ResizeObserver(measure);
    observer.observe(root);
    observer.observe(document.body);
    measure();
  });
  window.addEventListener("load", measure);
  tell({ nbexp: "hello" }, "*");
})();
