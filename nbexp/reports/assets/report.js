/* On every page, in its head: the theme, frames of outputs, folding and copying of code, keys. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  nbexp.libraries = nbexp.libraries || {};
  const root = document.documentElement;
  const THEMES = ["auto", "light", "dark"];
  const HEIGHTS = [24, 5000]; // least and most of a frame, in pixels
  const ANSWERS = 2; // times that a frame is given one library
  const COPIED_MS = 1500;
  const isDark = window.matchMedia("(prefers-color-scheme: dark)");

  /** Return what was kept under a name, or null; some browsers keep nothing for files. */
  nbexp.recall = function (name) {
    try {
      return localStorage.getItem(`nbexp-${name}`);
    } catch {
      return null;
    }
  };

  /** Keep a text under a name, where the browser does. */
  nbexp.remember = function (name, text) {
    try {
      localStorage.setItem(`nbexp-${name}`, text);
    } catch {
      // then it holds for this page only
    }
  };

  // Theme: auto follows the system; what is chosen is kept.

  let theme = "auto";

  /** @param {string | null} name */
  function setTheme(name) {
    theme = name !== null && THEMES.includes(name) ? name : "auto";
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    nameTheme();
    for (const frame of frames()) tellTheme(frame.contentWindow);
  }

  function nameTheme() {
    for (const button of document.querySelectorAll('button[data-action="theme"]'))
      button.textContent = `Theme: ${theme}`;
  }

  function nextTheme() {
    setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
    nbexp.remember("theme", theme);
  }

  // Frames: the protocol is in sandbox.py. Nothing in a message is believed.

  /** @typedef {{given: Map<string, number>, height: number | null}} Told */

  /**
   * What each frame was given, and is to be as tall as.
   * @type {WeakMap<HTMLIFrameElement, Told>}
   */
  const known = new WeakMap();

  /** @returns {NodeListOf<HTMLIFrameElement>} */
  const frames = () => document.querySelectorAll("iframe.nb-frame");

  /** @param {Window | null} target */
  function tellTheme(target) {
    const isNight = theme === "auto" ? isDark.matches : theme === "dark";
    if (target) target.postMessage({ nbexp: "theme", value: isNight ? "dark" : "light" }, "*");
  }

  /**
   * @param {HTMLIFrameElement} frame
   * @param {Told} state
   * @param {unknown} value
   */
  function setHeight(frame, state, value) {
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    const isWaiting = state.height !== null;
    state.height = Math.min(HEIGHTS[1], Math.max(HEIGHTS[0], value));
    if (isWaiting) return;
    requestAnimationFrame(() => {
      frame.style.height = `${state.height}px`;
      state.height = null;
    });
  }

  /**
   * @param {HTMLIFrameElement} frame
   * @param {Told} state
   * @param {unknown} name
   */
  function giveLibrary(frame, state, name) {
    if (typeof name !== "string") return;
    const count = (state.given.get(name) || 0) + 1;
    if (count > ANSWERS) return;
    state.given.set(name, count);
    const has = Object.prototype.hasOwnProperty.call(nbexp.libraries, name);
    const source = has ? nbexp.libraries[name] : null;
    if (frame.contentWindow) frame.contentWindow.postMessage({ nbexp: "library", name, source }, "*");
  }

  /** @param {MessageEvent} event */
  function onMessage(event) {
    const message = event.data;
    if (!event.source || typeof message !== "object" || message === null) return;
    const frame = [...frames()].find((each) => each.contentWindow === event.source);
    if (!frame) return;
    /** @type {Told} */
    const state = known.get(frame) || { given: new Map(), height: null };
    known.set(frame, state);
    if (message.nbexp === "hello") tellTheme(frame.contentWindow);
    else if (message.nbexp === "height") setHeight(frame, state, message.value);
    else if (message.nbexp === "drawn") frame.dataset.drawn = "";
    else if (message.nbexp === "library")
      whenReady(() => giveLibrary(frame, state, message.name)); // scripts may still be loading
  }

  // Code: folded and unfolded at once, and copied.

  /** @param {boolean} isFolded */
  function foldCode(isFolded) {
    /** @type {NodeListOf<HTMLDetailsElement>} */
    const sources = document.querySelectorAll("details.nb-source");
    for (const details of sources) details.open = !isFolded;
    for (const button of document.querySelectorAll('button[data-action="fold-code"]')) {
      button.setAttribute("aria-pressed", String(isFolded));
      button.textContent = isFolded ? "Show code" : "Hide code";
    }
  }

  /** @param {HTMLElement} button */
  function onFold(button) {
    const isFolded = button.getAttribute("aria-pressed") !== "true";
    foldCode(isFolded);
    nbexp.remember("code", isFolded ? "folded" : "open");
  }

  /** @param {HTMLElement} button */
  async function copyCode(button) {
    const block = button.parentElement && button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(block ? block.textContent : "");
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), COPIED_MS);
  }

  /** Put a button beside each block of code, where there is a clipboard. */
  function addCopyButtons() {
    if (!navigator.clipboard) return;
    for (const block of document.querySelectorAll("pre.nb-code, pre.code, pre.traceback")) {
      if (block.parentElement && block.parentElement.className === "copy-box") continue;
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
      button.dataset.action = "copy";
      const box = document.createElement("div");
      box.className = "copy-box";
      block.replaceWith(box);
      box.append(block, button);
    }
  }

  // The contents list marks the section that is read.

  function watchSections() {
    /** @type {Map<Element, HTMLAnchorElement>} */
    const links = new Map();
    /** @type {NodeListOf<HTMLAnchorElement>} */
    const entries = document.querySelectorAll('.toc a[href^="#"]');
    for (const link of entries) {
      const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (target) links.set(target, link);
    }
    const mark = function (/** @type {IntersectionObserverEntry[]} */ changes) {
      const change = changes.find((each) => each.isIntersecting);
      const link = change && links.get(change.target);
      if (!link) return;
      for (const each of links.values()) each.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
    };
    const watcher = new IntersectionObserver(mark, { rootMargin: "0px 0px -75% 0px" });
    for (const target of links.keys()) watcher.observe(target);
  }

  /** Have the name of this page in view among the others, where they don't all fit. */
  function showPlace() {
    /** @type {HTMLElement | null} */
    const link = document.querySelector(".page-nav [aria-current]");
    const list = link && link.parentElement;
    if (!link || !list) return;
    list.scrollLeft = link.offsetLeft - 48;
    list.scrollTop = link.offsetTop - link.offsetHeight;
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {Element} */ (event.target);
    const isTyping = target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {HTMLInputElement | null} */
    const filter = document.querySelector("input[data-filter]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  }

  /** @param {MouseEvent} event */
  function onClick(event) {
    /** @type {HTMLButtonElement | null} */
    const button = /** @type {Element} */ (event.target).closest("button[data-action]");
    if (!button) return;
    if (button.dataset.action === "theme") nextTheme();
    else if (button.dataset.action === "fold-code") onFold(button);
    else if (button.dataset.action === "copy") copyCode(button);
  }

  /** @param {() => void} action */
  function whenReady(action) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action);
    else action();
  }

  function start() {
    nameTheme();
    showPlace();
    if (nbexp.recall("code") === "folded") foldCode(true);
    addCopyButtons();
    watchSections();
  }

  nbexp.addCopyButtons = addCopyButtons; // also for what comes into a page later

  setTheme(nbexp.recall("theme")); // before anything is drawn
  window.addEventListener("message", onMessage);
  window.addEventListener("storage", (event) => {
    if (event.key === "nbexp-theme") setTheme(event.newValue);
  });
  isDark.addEventListener("change", () => setTheme(theme));
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  whenReady(start);
})();
