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

  async function ask(address) {
    const answer = await fetch(address, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  }

  /** Call an action again and again until it returns false; more rarely where it fails. */
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

  /** Call an action once the other scripts have drawn the page, which they do after its paint. */
  function whenDrawn(action) {
    document.addEventListener("DOMContentLoaded", () =>
      requestAnimationFrame(() => setTimeout(() => setTimeout(action)))
    );
  }

  function make(tag, className, text = "") {
    return Object.assign(document.createElement(tag), { className, textContent: text });
  }

  function badge(state) {
    const shown = make("span", "badge", state);
    shown.dataset.state = state;
    return shown;
  }

  // What the reader did to a part of a page, to be done again to what replaces it.

  const BOXES = "pre, .table-box, .graph-box, .chart, .toc";
  const FIELDS = "select, input";

  /** Return the way from an element to one in it, as numbers of children. */
  function way(from, to) {
    const steps = [];
    for (let at = to; at !== from; at = at.parentElement) {
      if (!at) return null;
      steps.unshift([...at.parentElement.children].indexOf(at));
    }
    return steps;
  }

  function remember(part) {
    const focused = part.contains(document.activeElement) ? way(part, document.activeElement) : null;
    const list = (what, read) => [...part.querySelectorAll(what)].map(read);
    return {
      focused,
      open: list("details", (each) => each.open),
      scrolled: list(BOXES, (each) => [each.scrollTop, each.scrollLeft]),
    };
  }

  function restore(part, { focused, open, scrolled }) {
    part.querySelectorAll("details").forEach((each, at) => {
      if (at in open) each.open = open[at];
    });
    part.querySelectorAll(BOXES).forEach((each, at) => {
      if (at in scrolled) [each.scrollTop, each.scrollLeft] = scrolled[at];
    });
    const target = focused && focused.reduce((at, step) => at && at.children[step], part);
    if (target) target.focus({ preventScroll: true });
  }

  // A page is brought up to date part by part: what has not changed is not touched.

  const PARTS = ".notebook, .nb-notebook"; // whose children are parts too

  function keyed(parent) {
    const counts = new Map();
    return [...parent.children].map(function (child) {
      const name = child.id || child.getAttribute("aria-label") || child.className || child.tagName;
      const count = (counts.get(name) || 0) + 1;
      counts.set(name, count);
      return [`${name} ${count}`, child];
    });
  }

  /** Make `shown`, which was drawn from `before`, what `after` is. */
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

  function updated(node, old, child) {
    if (old.isEqualNode(child)) return node;
    if (!child.matches(PARTS)) return document.importNode(child, true);
    update(node, old, child);
    return node;
  }

  /** Load the libraries that new outputs need, before these are there. */
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

  /** Draw the curves of a variant again, with what was chosen; out of sight until they are there. */
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

  function takeOver(old, box) {
    const fields = box.querySelectorAll(FIELDS);
    old.querySelectorAll(FIELDS).forEach(function ({ value, checked }, at) {
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

  class Swapped {
    constructor(main) {
      this.main = main;
      this.before = main.cloneNode(true); // as the server made it: other scripts come later
    }

    start() {}

    async refresh() {
      if (!document.getSelection().isCollapsed) return false; // someone copies
      const text = await (await ask(location.pathname)).text();
      const page = new DOMParser().parseFromString(text, "text/html");
      await loadLibraries(page);
      const after = page.getElementById("main");
      update(this.main, this.before, after);
      this.before = after;
      nbexp.addCopyButtons();
      redrawCurves(page);
      return true;
    }
  }

  // A stage's page is drawn by scripts, from data; it is loaded anew, to where the reader was.

  class Reloaded {
    constructor(main) {
      this.main = main;
      this.acted = 0;
      const note = () => (this.acted = performance.now());
      for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"])
        window.addEventListener(kind, note, { passive: true });
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
      return new Promise(() => {}); // nothing comes after it
    }

    /** Once all is drawn, do again what the reader did. */
    start() {
      const { kept } = this;
      if (!kept) return;
      for (const each of this.main.querySelectorAll("tbody input"))
        if (kept.picked.includes(each.getAttribute("aria-label"))) each.click();
      restore(this.main, kept);
      window.scrollTo(0, kept.y);
      setTimeout(() => (document.body.style.minHeight = ""), 1000);
    }
  }

  // The run's state, in the header of all its pages.

  function header() {
    const box = make("div", "live");
    document.querySelector(".page-header > button").before(box);
    return box;
  }

  function showProgress(box, { state, done, total, running, counts, is_alive: isAlive }) {
    if (!isAlive && !box.firstChild) return; // the page says that it has ended
    const bar = Object.assign(document.createElement("progress"), { max: total || 1, value: done });
    bar.setAttribute("aria-label", "Variants that have ended");
    const words = make("span", "muted", `${done} of ${total}`);
    if (running) words.append(make("span", "live-more", `, ${running} running`));
    box.title = counts;
    box.replaceChildren(badge(state), ...(isAlive ? [bar, words] : []));
  }

  function follow(script) {
    const { root } = script.dataset;
    const main = document.getElementById("main");
    const variant = (/\/variants\/([^/]+)\.html$/.exec(location.pathname) || [])[1] || "";
    const isSwapped = Boolean(variant) || location.pathname.endsWith("/index.html");
    const isStage = "stage" in document.body.dataset;
    const page = isSwapped ? new Swapped(main) : isStage ? new Reloaded(main) : null;
    const box = header();
    let { version } = script.dataset;
    let files = null;
    async function look() {
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

  function append(log, { html, rest, is_new: isNew }) {
    if (isNew) log.replaceChildren(make("span", "rest"));
    const end = log.lastElementChild;
    if (html) {
      const lines = make("span", "lines");
      lines.innerHTML = html; // written by the server: text, and spans of colour
      lines.dataset.count = String(html.split("\n").length - 1);
      end.before(lines);
    }
    end.innerHTML = rest;
    let count = [...log.children].reduce((sum, each) => sum + Number(each.dataset.count || 0), 0);
    while (count > CONSOLE_LINES && log.children.length > 2) {
      count -= Number(log.firstElementChild.dataset.count);
      log.firstElementChild.remove();
    }
  }

  function showConsole(log) {
    const stay = document.getElementById("follow");
    const note = document.getElementById("console-note");
    const isAtEnd = () => log.scrollTop + log.clientHeight > log.scrollHeight - 8;
    const goToEnd = () => (log.scrollTop = stay.checked ? log.scrollHeight : log.scrollTop);
    let offset = "";
    async function look() {
      const now = await (await ask(`${log.dataset.source}?offset=${offset}`)).json();
      offset = now.offset;
      append(log, now);
      goToEnd();
      document.getElementById("console-state").replaceChildren(badge(now.state));
      if (now.is_new) note.textContent = now.left_out ? "the last lines; the file has them all" : "";
      return now.is_alive;
    }
    log.addEventListener("scroll", () => (stay.checked = isAtEnd()));
    stay.addEventListener("change", goToEnd);
    repeat(look, CONSOLE_MS, () => (note.textContent = "no answer"));
  }

  const script = document.currentScript;
  const log = document.getElementById("console");
  if (log) showConsole(log);
  else follow(script);
})();
