/* Only on pages that a server shows: they follow a run while it goes, and so does a console. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const POLL_MS = 2000;
  const SLOWEST_MS = 30000; // between two tries, where nothing answers
  const CONSOLE_MS = 1000;
  const CONSOLE_LINES = 10000; // kept on the page
  const IDLE_MS = 2000; // without the reader's doing, before a page is loaded anew
  const DRAWN_MS = 150; // a chart takes at most, once it is on the page
  const SHOWN_MS = 4000; // at least, before a page is loaded anew
  const KEPT = `nbexp-live:${location.pathname}`;

  /** @param {string} address */
  async function ask(address) {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  /**
   * Call an action again and again until it returns false; more rarely where it fails.
   * @param {() => Promise<boolean>} action
   * @param {number} pauseMs
   * @param {() => void} onFailure
   */
  async function repeat(action, pauseMs, onFailure) {
    let waits = pauseMs;
    for (;;) {
      if (!document.hidden) {
        try {
          if ((await action()) === false) return;
          waits = pauseMs;
        } catch {
          waits = Math.min(SLOWEST_MS, 2 * waits);
          onFailure();
        }
      }
      await new Promise((resolve) => setTimeout(resolve, waits));
    }
  }

  /**
   * Call an action once the other scripts have drawn the page, which they do after its paint.
   * @param {() => void} action
   */
  function whenDrawn(action) {
    document.addEventListener("DOMContentLoaded", () =>
      requestAnimationFrame(() => setTimeout(() => setTimeout(action)))
    );
  }

  /**
   * @param {string} tag
   * @param {string} className
   * @param {string} [text]
   */
  function make(tag, className, text = "") {
    return Object.assign(document.createElement(tag), { className, textContent: text });
  }

  /** @param {string} state */
  function badge(state) {
    const shown = make("span", "badge", state);
    shown.dataset.state = state;
    return shown;
  }

  // What the reader did to a part of a page, to be done again to what replaces it.

  const BOXES = "pre, .table-box, .graph-box, .chart, .toc";
  const FIELDS = "select, input";

  /**
   * What the reader did.
   * @typedef {object} Doings
   * @property {number[] | null} focused The way to the element that has the focus.
   * @property {boolean[]} open
   * @property {[top: number, left: number][]} scrolled
   */

  /**
   * Return the way from an element to one in it, as numbers of children.
   * @param {Element} from
   * @param {Element} to
   */
  function way(from, to) {
    const steps = [];
    let at = to;
    while (at !== from) {
      const parent = at.parentElement;
      if (!parent) return null;
      steps.unshift([...parent.children].indexOf(at));
      at = parent;
    }
    return steps;
  }

  /**
   * @param {Element} part
   * @returns {Doings}
   */
  function remember(part) {
    const held = document.activeElement;
    return {
      focused: held && part.contains(held) ? way(part, held) : null,
      open: [...part.querySelectorAll("details")].map((each) => each.open),
      scrolled: [...part.querySelectorAll(BOXES)].map((each) => [each.scrollTop, each.scrollLeft]),
    };
  }

  /**
   * @param {Element} part
   * @param {Doings} doings
   */
  function restore(part, { focused, open, scrolled }) {
    part.querySelectorAll("details").forEach((each, at) => {
      if (at in open) each.open = open[at];
    });
    part.querySelectorAll(BOXES).forEach((each, at) => {
      if (at in scrolled) [each.scrollTop, each.scrollLeft] = scrolled[at];
    });
    if (!focused) return;
    let target = part;
    for (const step of focused) {
      if (!target.children[step]) return;
      target = target.children[step];
    }
    /** @type {HTMLElement} */ (target).focus({ preventScroll: true });
  }

  // A page is brought up to date part by part: what has not changed is not touched.

  const PARTS = ".notebook, .nb-notebook"; // whose children are parts too

  /**
   * @param {Element} parent
   * @returns {[key: string, child: Element][]}
   */
  function keyed(parent) {
    const counts = new Map();
    return [...parent.children].map(function (child) {
      const name = child.id || child.getAttribute("aria-label") || child.className || child.tagName;
      const count = (counts.get(name) || 0) + 1;
      counts.set(name, count);
      return [`${name} ${count}`, child];
    });
  }

  /**
   * Make `shown`, which was drawn from `before`, what `after` is.
   * @param {Element} shown
   * @param {Element} before
   * @param {Element} after
   */
  function update(shown, before, after) {
    const own = [...shown.children];
    const known = new Map(keyed(before).map(([key, old], at) => [key, { old, node: own[at] }]));
    let place = shown.firstElementChild;
    for (const [key, child] of keyed(after)) {
      const had = known.get(key);
      known.delete(key);
      const node = had ? updated(had.node, had.old, child) : document.importNode(child, true);
      if (had && place === had.node) place = had.node.nextElementSibling;
      if (had && node !== had.node) {
        const state = remember(had.node);
        had.node.replaceWith(node);
        restore(node, state);
      } else if (!had) shown.insertBefore(node, place);
    }
    for (const { node } of known.values()) node.remove();
  }

  /**
   * @param {Element} node
   * @param {Element} old
   * @param {Element} child
   */
  function updated(node, old, child) {
    if (old.isEqualNode(child)) return node;
    if (!child.matches(PARTS)) return document.importNode(child, true);
    update(node, old, child);
    return node;
  }

  /**
   * Load the libraries that new outputs need, before these are there.
   * @param {Document} page
   */
  function loadLibraries(page) {
    const known = new Set([...document.scripts].map((script) => script.getAttribute("src")));
    const sources = [...page.scripts].map((script) => script.getAttribute("src") || "");
    const missing = sources.filter((src) => /\/lib-[a-z]+\.js$/.test(src) && !known.has(src));
    return Promise.all(missing.map((src) => new Promise(function (resolve) {
      const script = document.createElement("script");
      Object.assign(script, { src, onload: resolve, onerror: resolve });
      document.head.append(script);
    })));
  }

  /**
   * Draw the curves of a variant again, with what was chosen; out of sight until they are there.
   * @param {Document} page
   */
  function redrawCurves(page) {
    const [now, shown] = [page, document].map((each) => each.getElementById("stage-data"));
    const section = document.getElementById("curves");
    if (!now || !section || (shown && shown.textContent === now.textContent)) return;
    if (shown) shown.textContent = now.textContent;
    else document.body.append(document.importNode(now, true));
    const old = section.querySelector(":scope > div");
    const box = section.appendChild(document.createElement("div"));
    const width = section.clientWidth;
    if (old) box.style.cssText = `position: absolute; visibility: hidden; width: ${width}px`;
    nbexp.curves(box, JSON.parse(now.textContent));
    if (old) setTimeout(() => takeOver(old, box), DRAWN_MS);
  }

  /**
   * @param {Element} old
   * @param {Element} box
   */
  function takeOver(old, box) {
    const fields = fieldsOf(box);
    fieldsOf(old).forEach(function ({ value, checked }, at) {
      if (!fields[at] || (fields[at].value === value && fields[at].checked === checked)) return;
      Object.assign(fields[at], { value, checked });
      for (const kind of ["input", "change"])
        fields[at].dispatchEvent(new Event(kind, { bubbles: true }));
    });
    const state = remember(old);
    old.remove();
    box.removeAttribute("style");
    restore(box, state);
  }

  /**
   * @param {Element} box
   * @returns {NodeListOf<HTMLInputElement>} Selects too, of which only what inputs have as well is used.
   */
  const fieldsOf = (box) => box.querySelectorAll(FIELDS);

  /**
   * A page that is brought up to date.
   * @typedef {object} Page
   * @property {() => void} start
   * @property {() => Promise<boolean>} refresh Whether it was possible.
   */

  /** @implements {Page} */
  class Swapped {
    /** @param {HTMLElement} main */
    constructor(main) {
      this.main = main;
      /** @type {Element} */
      this.before = document.importNode(main, true); // as the server made it: other scripts come later
    }

    start() {}

    async refresh() {
      const selection = document.getSelection();
      if (selection && !selection.isCollapsed) return false; // someone copies
      const text = await (await ask(location.pathname)).text();
      const page = new DOMParser().parseFromString(text, "text/html");
      await loadLibraries(page);
      const after = page.getElementById("main");
      if (!after) throw new Error("this is not the page");
      update(this.main, this.before, after);
      this.before = after;
      nbexp.addCopyButtons();
      redrawCurves(page);
      return true;
    }
  }

  // A stage's page is drawn by scripts, from data; it is loaded anew, to where the reader was.

  /** @implements {Page} */
  class Reloaded {
    /** @param {HTMLElement} main */
    constructor(main) {
      this.main = main;
      this.acted = 0;
      const note = () => (this.acted = performance.now());
      for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"])
        window.addEventListener(kind, note, { passive: true });
      /** @type {(Doings & {height: number, y: number, picked: (string | null)[]}) | null} */
      this.kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
      sessionStorage.removeItem(KEPT);
      if (this.kept) document.body.style.minHeight = `${this.kept.height}px`; // so that none jumps
      if (this.kept) window.scrollTo(0, this.kept.y);
    }

    async refresh() {
      const now = performance.now();
      if (now < SHOWN_MS || (this.acted && now - this.acted < IDLE_MS)) return false;
      const picked = [...this.main.querySelectorAll("tbody input:checked")];
      const kept = {
        ...remember(this.main),
        height: document.documentElement.scrollHeight,
        y: window.scrollY,
        picked: picked.map((each) => each.getAttribute("aria-label")),
      };
      sessionStorage.setItem(KEPT, JSON.stringify(kept));
      location.reload();
      return await new Promise(() => {}); // nothing comes after it
    }

    /** Once all is drawn, do again what the reader did. */
    start() {
      const { kept } = this;
      if (!kept) return;
      /** @type {NodeListOf<HTMLInputElement>} */
      const boxes = this.main.querySelectorAll("tbody input");
      for (const each of boxes)
        if (kept.picked.includes(each.getAttribute("aria-label"))) each.click();
      restore(this.main, kept);
      window.scrollTo(0, kept.y);
      setTimeout(() => (document.body.style.minHeight = ""), 1000);
    }
  }

  // The run's state, in the header of all its pages.

  function header() {
    const box = make("div", "live");
    const button = document.querySelector(".page-header > button");
    if (button) button.before(box);
    return box;
  }

  /**
   * @param {HTMLElement} box
   * @param {ProgressData} progress
   */
  function showProgress(box, { state, done, total, running, counts, is_alive: isAlive }) {
    if (!isAlive && !box.firstChild) return; // the page says that it has ended
    const bar = Object.assign(document.createElement("progress"), { max: total || 1, value: done });
    bar.setAttribute("aria-label", "Variants that have ended");
    const words = make("span", "muted", `${done} of ${total}`);
    if (running) words.append(make("span", "live-more", `, ${running} running`));
    box.title = counts;
    box.replaceChildren(badge(state), ...(isAlive ? [bar, words] : []));
  }

  /**
   * @param {HTMLOrSVGScriptElement} script
   * @param {HTMLElement} main
   */
  function follow(script, main) {
    const { root } = script.dataset;
    const variant = (/\/variants\/([^/]+)\.html$/.exec(location.pathname) || [])[1] || "";
    const isSwapped = Boolean(variant) || location.pathname.endsWith("/index.html");
    const isStage = "stage" in document.body.dataset;
    /** @type {Page | null} */
    const page = isSwapped ? new Swapped(main) : isStage ? new Reloaded(main) : null;
    const box = header();
    let { version } = script.dataset;
    let files = "";
    async function look() {
      /** @type {ProgressData} */
      const now = await (await ask(`${root}live.json?variant=${variant}`)).json();
      showProgress(box, now);
      document.documentElement.dataset.run = now.state;
      files = files || now.files;
      const isNew = now.version !== version || now.files !== files;
      const isDone = !isNew || !page || (await page.refresh());
      if (isDone) ({ version, files } = now);
      return !now.is_final || !isDone;
    }
    const onFailure = () => box.replaceChildren(make("span", "muted", "no answer"));
    whenDrawn(function () {
      if (page) page.start();
      repeat(look, POLL_MS, onFailure);
    });
  }

  // A console.

  /**
   * @param {HTMLElement} log
   * @param {ConsoleData} told
   */
  function append(log, { html, rest, is_new: isNew }) {
    if (isNew) log.replaceChildren(make("span", "rest"));
    const end = log.lastElementChild || log.appendChild(make("span", "rest"));
    if (html) {
      const lines = make("span", "lines");
      lines.innerHTML = html; // written by the server: text, and spans of colour
      lines.dataset.count = String(html.split("\n").length - 1);
      end.before(lines);
    }
    end.innerHTML = rest;
    const linesIn = (/** @type {Element} */ part) => Number(part.getAttribute("data-count"));
    let count = [...log.children].reduce((sum, each) => sum + linesIn(each), 0);
    while (count > CONSOLE_LINES && log.children.length > 2) {
      const oldest = log.children[0];
      count -= linesIn(oldest);
      oldest.remove();
    }
  }

  /** @param {HTMLElement} log The page has the parts below beside it. */
  function showConsole(log) {
    const stay = /** @type {HTMLInputElement} */ (document.getElementById("follow"));
    const note = /** @type {HTMLElement} */ (document.getElementById("console-note"));
    const place = /** @type {HTMLElement} */ (document.getElementById("console-state"));
    const isAtEnd = () => log.scrollTop + log.clientHeight > log.scrollHeight - 8;
    const goToEnd = () => (log.scrollTop = stay.checked ? log.scrollHeight : log.scrollTop);
    /** @type {number | ""} */
    let offset = "";
    async function look() {
      /** @type {ConsoleData} */
      const now = await (await ask(`${log.dataset.source}?offset=${offset}`)).json();
      offset = now.offset;
      append(log, now);
      goToEnd();
      place.replaceChildren(badge(now.state));
      if (now.is_new) note.textContent = now.left_out ? "the last lines; the file has them all" : "";
      return now.is_alive;
    }
    log.addEventListener("scroll", () => (stay.checked = isAtEnd()));
    stay.addEventListener("change", goToEnd);
    repeat(look, CONSOLE_MS, () => (note.textContent = "no answer"));
  }

  const script = document.currentScript;
  const main = document.getElementById("main");
  const log = document.getElementById("console");
  if (log) showConsole(log);
  else if (script && main) follow(script, main);
})();
