/* A variant's page inside the compare page: only its cells, as tall as those beside them. */
(function () {
  "use strict";
  if (window.parent === window || !location.search.includes("embedded")) return;
  const LONGEST = 1000; // characters
  document.documentElement.classList.add("is-embedded");

  const cells = () => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".nb-cell"))];

  /**
   * Return what a cell says, without its outputs: cells without ids are known by it.
   * @param {HTMLElement} cell
   */
  function sourceOf(cell) {
    const code = cell.querySelector(".nb-source pre");
    return (code || cell).textContent.slice(0, LONGEST);
  }

  function tell() {
    const heights = cells().map((cell) => {
      const before = cell.style.minHeight;
      cell.style.minHeight = "";
      const height = Math.ceil(cell.getBoundingClientRect().height);
      cell.style.minHeight = before;
      return height;
    });
    const keys = cells().map((cell) => cell.dataset.key || "");
    window.parent.postMessage({ nbexp: "cells", heights, keys, sources: cells().map(sourceOf) }, "*");
  }

  /**
   * Give each cell the place that the compare page has for it: [top, height] in pixels.
   * @param {unknown} places As the message has them.
   */
  function place(places) {
    const own = cells();
    if (!Array.isArray(places) || places.length !== own.length) return;
    let end = 0;
    own.forEach((cell, number) => {
      const [top, height] = places[number].map(Number);
      cell.style.marginTop = `${Math.max(0, top - end)}px`;
      cell.style.minHeight = `${height}px`;
      end = top + height;
    });
  }

  window.addEventListener("message", (event) => {
    if (event.source === window.parent && event.data && event.data.nbexp === "place") {
      place(event.data.places);
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    tell();
    const contents = new ResizeObserver(() => tell());
    for (const cell of cells()) {
      for (const part of cell.children) contents.observe(part);
    }
  });
})();
