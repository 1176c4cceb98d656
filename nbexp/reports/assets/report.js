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

  function setTheme(name) {
    theme = THEMES.includes(name) ? name : "auto";
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

  // Frames: the protocol is in frames.py. Nothing in a message is believed.

  const known = new WeakMap(); // of each frame's window: what it was given, and is to be as tall as

  const frames = () => document.querySelectorAll("iframe.nb-frame");

  function tellTheme(target) {
    const isNight = theme === "auto" ? isDark.matches : theme === "dark";
    if (target) target.postMessage({ nbexp: "theme", value: isNight ? "dark" : "light" }, "*");
  }

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

  function giveLibrary(frame, state, name) {
    if (typeof name !== "string") return;
    const count = (state.given.get(name) || 0) + 1;
    if (count > ANSWERS) return;
    state.given.set(name, count);
    const has = Object.prototype.hasOwnProperty.call(nbexp.libraries, name);
    const source = has ? nbexp.libraries[name] : null;
    frame.contentWindow.postMessage({ nbexp: "library", name, source }, "*");
  }

  function onMessage(event) {
    const message = event.data;
    if (!event.source || typeof message !== "object" || message === null) return;
    const frame = [...frames()].find((each) => each.contentWindow === event.source);
    if (!frame) return;
    if (!known.has(frame)) known.set(frame, { given: new Map(), height: null });
    const state = known.get(frame);
    if (message.nbexp === "hello") tellTheme(event.source);
    else if (message.nbexp === "height") setHeight(frame, state, message.value);
    else if (message.nbexp === "drawn") frame.dataset.drawn = "";
    else if (message.nbexp === "library")
      whenReady(() => giveLibrary(frame, state, message.name)); // scripts may still be loading
  }

  // Code: folded and unfolded at once, and copied.

  function foldCode(isFolded) {
    for (const details of document.querySelectorAll("details.nb-source")) details.open = !isFolded;
    for (const button of document.querySelectorAll('button[data-action="fold-code"]')) {
      button.setAttribute("aria-pressed", String(isFolded));
      button.textContent = isFolded ? "Show code" : "Hide code";
    }
  }

  function onFold(button) {
    const isFolded = button.getAttribute("aria-pressed") !== "true";
    foldCode(isFolded);
    nbexp.remember("code", isFolded ? "folded" : "open");
  }

  async function copyCode(button) {
    const text = button.parentElement.querySelector("pre").textContent;
    try {
      await navigator.clipboard.writeText(text);
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
      if (block.parentElement.className === "copy-box") continue;
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
    const links = new Map();
    for (const link of document.querySelectorAll('.toc a[href^="#"]')) {
      const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (target) links.set(target, link);
    }
    const mark = function (entries) {
      const entry = entries.find((each) => each.isIntersecting);
      if (!entry) return;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target).setAttribute("aria-current", "true");
    };
    const watcher = new IntersectionObserver(mark, { rootMargin: "0px 0px -75% 0px" });
    for (const target of links.keys()) watcher.observe(target);
  }

  /** Have the name of this page in view among the others, where they don't all fit. */
  function showPlace() {
    const link = document.querySelector(".page-nav [aria-current]");
    if (!link) return;
    const list = link.parentElement;
    list.scrollLeft = link.offsetLeft - 48;
    list.scrollTop = link.offsetTop - link.offsetHeight;
  }

  function onKey(event) {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const filter = document.querySelector("input[data-filter]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
    filter.select();
  }

  function onClick(event) {
    const button = event.target.closest("button[data-action]");
    if (!button) return;
    if (button.dataset.action === "theme") nextTheme();
    else if (button.dataset.action === "fold-code") onFold(button);
    else if (button.dataset.action === "copy") copyCode(button);
  }

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
