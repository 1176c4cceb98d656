/* The compare page: the variants named in the address, such as #train:a,b, beside each other; or
   runs, as in #*:a,b:train, with their best variants of a stage. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const { element } = nbexp;
  const MOST = 8;
  const RUNS = "*";
  const LONG = 16; // characters of a value that may be broken into lines
  const source = document.getElementById("runs-data");
  /** @type {RunsData | null} */
  const runs = source ? JSON.parse(source.textContent) : null;
  const best = runs ? runs.best : {};
  const stages = Object.values(nbexp.data || {});
  /** @type {Map<string, TableData>} */
  const choices = new Map(stages.map((data) => [data.stage, data]));
  if (runs) choices.set(RUNS, runs.table);
  /** @type {{key: string, data: TableData | null, rows: number[], bestOf: string}} */
  const state = { key: "", data: null, rows: [], bestOf: "" };
  const showsAll = new Set(); // sections whose tables also show what is the same

  function read() {
    const [key, names, stage] = address().split(":");
    const isKnown = choices.has(key);
    state.key = isKnown ? key : first();
    state.data = choices.get(state.key) || null;
    state.bestOf = state.key === RUNS && Object.hasOwn(best, stage || "") ? stage : "";
    if (!state.data) return;
    const dataset = nbexp.dataset(state.data);
    const all = [...state.data.links.keys()];
    const wanted = new Set((names || "").split(","));
    const named = all.filter((row) => wanted.has(dataset.name(row)));
    state.rows = isKnown && names !== undefined ? named : all.slice(0, 2);
  }

  function address() {
    const text = location.hash.slice(1);
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // such as "%", which encodes nothing
    }
  }

  function first() {
    const data = stages.find((each) => each.metric && each.rows.length > 1) || stages[0];
    return data ? data.stage : "";
  }

  /**
   * @param {string} key
   * @param {number[]} rows
   * @param {string} [stage]
   */
  function choose(key, rows, stage) {
    const data = choices.get(key);
    if (!data) return;
    const dataset = nbexp.dataset(data);
    const names = rows.map((row) => dataset.name(row)).join(",");
    location.hash = encodeURI([key, names, stage].filter((part, n) => n < 2 || part).join(":"));
  }

  function draw() {
    read();
    const held = holder();
    if (state.data) drawAll(state.data);
    else drawNothing();
    held();
  }

  /** @param {TableData} compared */
  function drawAll(compared) {
    drawChoice(sectionOf("choice"), compared);
    drawTable(sectionOf("differences"), compared, state.rows);
    const [data, rows] = state.key === RUNS ? bestOfRuns() : [stageOf(state.key), state.rows];
    drawBest(sectionOf("best"), data, rows);
    drawCurves(sectionOf("curves"), data, rows);
    drawCells(sectionOf("cells"), data, rows);
  }

  /** @param {string} id */
  const sectionOf = (id) => /** @type {HTMLElement} */ (document.getElementById(id)); // the page has all

  /**
   * @param {string} name
   * @returns {StageData | null}
   */
  const stageOf = (name) => stages.find((each) => each.stage === name) || null;

  function drawNothing() {
    /** @type {NodeListOf<HTMLElement>} */
    const sections = document.querySelectorAll("main > section");
    const [choice, ...others] = sections;
    choice.replaceChildren(element("p", { class: "muted" }, "There are no variants to compare."));
    others.forEach((section) => (section.hidden = true));
  }

  /** Return a function that gives the focus back to the control that is now where it was. */
  function holder() {
    const held = document.activeElement;
    const section = held && held.closest("main > section");
    if (!held || !section) return () => {};
    const place = [...section.querySelectorAll(held.tagName)].indexOf(held);
    return function () {
      if (held.isConnected) return;
      /** @type {NodeListOf<HTMLElement>} */
      const same = section.querySelectorAll(held.tagName);
      const next = same[Math.min(place, same.length - 1)] || section.querySelector("select");
      if (next) next.focus({ preventScroll: true });
    };
  }

  /**
   * Return the best variants of the runs that are compared, of the stage that was chosen.
   * @returns {[data: BestData | null, rows: number[]]}
   */
  function bestOfRuns() {
    const names = Object.keys(best);
    const data = best[state.bestOf || names.find((name) => best[name].metric) || names[0]];
    if (!runs || !data) return [null, []];
    const dataset = nbexp.dataset(runs.table);
    const rows = state.rows.map((row) => data.runs.indexOf(dataset.name(row)));
    return [data, rows.filter((row) => row >= 0)];
  }

  /**
   * Empty a section but for its heading.
   * @param {HTMLElement} section
   */
  function cleared(section) {
    [...section.children].forEach((child) => child.tagName === "H2" || child.remove());
    return section;
  }

  /**
   * Return where the page of a row is, seen from here; null where the report has none.
   * @param {TableData} data
   * @param {number} row
   */
  function href(data, row) {
    const link = data.links[row];
    return link && link.replace("../", "");
  }

  /**
   * @param {HTMLElement} section
   * @param {TableData} data
   */
  function drawChoice(section, data) {
    const { key, rows, bestOf } = state;
    const dataset = nbexp.dataset(data);
    /** @type {[string, string][]} */
    const names = [...choices.keys()].map((each) =>
      [each, each === RUNS ? "whole runs" : `variants of ${each}`]);
    const pick = (/** @type {string} */ other) => choose(other, firstRows(other));
    const left = [...data.links.keys()].filter((row) => !rows.includes(row)).slice(0, 500);
    /** @type {[string, string][]} */
    const more = left.map((row) => [String(row), `${dataset.name(row)}  ${dataset.title(row)}`]);
    const add = (/** @type {string} */ row) => {
      if (row) choose(key, [...rows, Number(row)], bestOf);
    };
    cleared(section).append(
      element("div", { class: "controls" },
        nbexp.select("Compare", names, key, pick),
        rows.length < MOST && more.length
          ? nbexp.select("Add", [["", key === RUNS ? "a run …" : "a variant …"], ...more], "", add)
          : null),
      element("ul", { class: "chips" }, ...rows.map((row) => chip(dataset, row)))
    );
  }

  /** @param {string} key */
  function firstRows(key) {
    const data = choices.get(key);
    return data ? [...data.links.keys()].slice(0, 2) : [];
  }

  /**
   * @param {Dataset} dataset
   * @param {number} row
   */
  function chip(dataset, row) {
    const { key, rows, bestOf } = state;
    const without = () => choose(key, rows.filter((other) => other !== row), bestOf);
    const name = dataset.name(row);
    return element("li", { class: "chip" }, name,
      element("button", { type: "button", "aria-label": `Leave out ${name}`, onclick: without }, "×"));
  }

  /**
   * @param {HTMLElement} section
   * @param {StageData | null} data
   * @param {number[]} rows
   */
  function drawBest(section, data, rows) {
    section.hidden = state.key !== RUNS || !data || !rows.length;
    if (section.hidden || !data) return;
    /** @type {[string, string][]} */
    const names = Object.keys(best).map((name) => [name, name]);
    const pick = (/** @type {string} */ name) => choose(RUNS, state.rows, name);
    drawTable(section, data, rows, nbexp.select("Stage", names, data.stage, pick));
  }

  /**
   * @param {HTMLElement} section
   * @param {TableData} data
   * @param {number[]} rows
   * @param {...HTMLElement} controls
   */
  function drawTable(section, data, rows, ...controls) {
    const body = element("div", {});
    const change = (/** @type {boolean} */ isOn) => {
      showsAll[isOn ? "add" : "delete"](section.id);
      body.replaceChildren(tableOf(section, data, rows));
    };
    body.append(tableOf(section, data, rows));
    const toggle = nbexp.toggle("Also what is the same", showsAll.has(section.id), change);
    cleared(section).append(element("div", { class: "controls" }, ...controls, toggle), body);
  }

  /**
   * @param {HTMLElement} section
   * @param {TableData} data
   * @param {number[]} rows
   */
  function tableOf(section, data, rows) {
    const lines = linesOf(nbexp.dataset(data), rows, showsAll.has(section.id));
    if (!lines.length) return element("p", { class: "muted" }, whyNothing());
    const head = rows.map((row) => headOf(data, row));
    const table = element("table", { class: "compared" },
      element("thead", {}, element("tr", {}, element("td", {}), ...head)),
      element("tbody", {}, ...lines));
    return element("div", { class: "table-box", tabindex: "0", role: "group",
      "aria-labelledby": `${section.id}-title` }, table);
  }

  function whyNothing() {
    const thing = state.key === RUNS ? "run" : "variant";
    if (!state.rows.length) return `Add two ${thing}s to compare.`;
    if (state.rows.length === 1) return `Choose a second ${thing} to compare with.`;
    return "There is no difference.";
  }

  /**
   * @param {TableData} data
   * @param {number} row
   */
  function headOf(data, row) {
    const [name, target] = [nbexp.dataset(data).name(row), href(data, row)];
    return element("th", { scope: "col" }, target ? element("a", { href: target }, name) : name);
  }

  /**
   * Return the row with the best value of a column that has one, or undefined.
   * @param {Dataset} dataset
   * @param {number[]} rows
   * @param {Column} column
   */
  function bestRow(dataset, rows, column) {
    const mode = dataset.metric === column ? dataset.data.mode : column.mode;
    if (!mode) return undefined;
    const values = dataset.numbers(column);
    const sign = mode === "min" ? 1 : -1;
    const known = rows.filter((row) => Number.isFinite(values[row]));
    return known.sort((a, b) => sign * (Number(values[a]) - Number(values[b])))[0];
  }

  /**
   * Return a line for each column in which the rows differ, or for all that have a value.
   * @param {Dataset} dataset
   * @param {number[]} rows
   * @param {boolean} isAll
   */
  function linesOf(dataset, rows, isAll) {
    return dataset.columns.filter(function (column) {
      const values = dataset.values(column);
      const own = rows.map((row) => values[row]);
      if (column.key === "variant" || own.every((value) => value === null)) return false;
      return isAll || new Set(own.map(String)).size > 1;
    }).map((column) => line(dataset, rows, column));
  }

  /**
   * @param {Dataset} dataset
   * @param {number[]} rows
   * @param {Column} column
   */
  function line(dataset, rows, column) {
    const all = dataset.values(column);
    const write = nbexp.format(column, all);
    const winner = bestRow(dataset, rows, column);
    const role = column.role === "fact" ? "" : column.role;
    return element("tr", {},
      element("th", { scope: "row" }, column.title, " ", element("span", { class: "muted" }, role)),
      ...rows.map((row) => element("td", { class: row === winner && rows.length > 1 ? "is-best" : null },
        valueOf(write(all[row])))));
  }

  /** @param {string} text */
  function valueOf(text) {
    return text.length > LONG ? element("div", { class: "long", title: text }, text) : text;
  }

  /**
   * @param {HTMLElement} section
   * @param {StageData | BestData | null} data
   * @param {number[]} rows
   */
  function drawCurves(section, data, rows) {
    const known = Object.entries(data ? data.curves : {})
      .map(([name, lines]) => ({ name, own: rows.map((row) => lines[row]) }))
      .filter(({ own }) => own.some(Boolean));
    const curves = Object.fromEntries(known.map(({ name, own }) => [name, own]));
    section.hidden = !Object.keys(curves).length;
    if (section.hidden || !data) return;
    const dataset = nbexp.dataset(data);
    const names = "runs" in data ? data.runs : [];
    const box = element("div", {});
    cleared(section).append(box);
    nbexp.curves(box, { ...data, curves,
      rows: rows.map((row) => data.rows[row]),
      kept: rows.map((row) => data.kept[row]),
      links: rows.map((row) => href(data, row)),
      labels: rows.map((row) => `${names[row] || dataset.name(row)} ${dataset.title(row)}`),
      pruned: rows.map((row) => data.pruned[row]),
    });
  }

  /** @typedef {{heights: number[], keys: string[], sources: string[]}} Cells */

  /** @type {{cells: Cells | null, node: HTMLIFrameElement}[]} */
  let frames = [];

  /**
   * @param {HTMLElement} section
   * @param {StageData | null} data
   * @param {number[]} rows
   */
  function drawCells(section, data, rows) {
    section.hidden = !data || !rows.length;
    if (section.hidden || !data) return;
    const dataset = nbexp.dataset(data);
    const drawn = rows.map(function (row) {
      const target = href(data, row);
      const title = `Cells of ${dataset.name(row)}`;
      return target && element("iframe", { src: `${target}?embedded`, title, class: "beside" });
    });
    frames = drawn.flatMap((node) => (node ? [{ cells: null, node }] : []));
    const missing = "Its notebook is not part of this report; nbexp view shows it.";
    const columns = rows.map((row, n) => element("div", { class: "beside-column" },
      element("p", { class: "beside-name" }, dataset.name(row), " ",
        element("span", { class: "muted" }, dataset.title(row))),
      drawn[n] || element("p", { class: "muted" }, missing)));
    cleared(section).append(element("div", { class: "beside-box", tabindex: "0", role: "group",
      "aria-labelledby": "cells-title" }, ...columns));
  }

  /**
   * Return the longest list of cells that two notebooks have in common, as pairs of positions.
   * @param {Cells} one
   * @param {Cells} other
   */
  function common(one, other) {
    const [a, b] = [one.keys, other.keys];
    const isSame = (/** @type {number} */ i, /** @type {number} */ j) =>
      a[i] === b[j] || one.sources[i] === other.sources[j];
    const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        longest[i][j] = isSame(i, j) ? longest[i + 1][j + 1] + 1
          : Math.max(longest[i + 1][j], longest[i][j + 1]);
      }
    }
    /** @type {[number, number][]} */
    const pairs = [];
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      if (isSame(i, j)) pairs.push([i++, j++]);
      else if (longest[i + 1][j] >= longest[i][j + 1]) i++;
      else j++;
    }
    return pairs;
  }

  /** Put the same cells of all notebooks beside each other: those of the first lead. */
  function align() {
    const known = frames.flatMap(({ cells, node }) => (cells ? [{ cells, node }] : []));
    if (!known.length || known.length < frames.length) return;
    const lead = known[0].cells;
    const partners = known.map((frame) => new Map(common(lead, frame.cells)));
    /** @type {[top: number, height: number][][]} */
    const places = known.map(() => []);
    const next = known.map(() => 0);
    let top = 0;
    /** @type {(n: number, cell: number, height: number) => void} */
    const put = (n, cell, height) => { places[n][cell] = [top, height]; next[n] = cell + 1; };
    for (let mine = 0; mine <= lead.keys.length; mine++) {
      for (let n = 1; n < known.length; n++) {
        const until = mine < lead.keys.length ? partners[n].get(mine) : known[n].cells.keys.length;
        while (until !== undefined && next[n] < until) {
          const height = known[n].cells.heights[next[n]];
          put(n, next[n], height);
          top += height;
        }
      }
      if (mine === lead.keys.length) break;
      const here = known.map((frame, n) => (n ? partners[n].get(mine) : mine));
      const height = Math.max(...here.map((cell, n) =>
        cell === undefined ? 0 : known[n].cells.heights[cell]));
      here.forEach((cell, n) => { if (cell !== undefined) put(n, cell, height); });
      top += height;
    }
    known.forEach(({ node }, n) => {
      node.style.height = `${top + 24}px`;
      if (node.contentWindow) node.contentWindow.postMessage({ nbexp: "place", places: places[n] }, "*");
    });
  }

  const isList = (/** @type {unknown} */ value) => Array.isArray(value) && value.length <= 5000;

  window.addEventListener("message", (event) => {
    const frame = frames.find((each) => each.node.contentWindow === event.source);
    const told = event.data;
    if (!frame || !told || told.nbexp !== "cells") return;
    const lists = [told.heights, told.keys, told.sources];
    if (!lists.every((list) => isList(list) && list.length === told.heights.length)) return;
    const heights = told.heights.map((/** @type {unknown} */ height) =>
      Math.min(20000, Math.max(0, Number(height) || 0)));
    frame.cells = { heights, keys: told.keys.map(String), sources: told.sources.map(String) };
    align();
  });
  window.addEventListener("hashchange", draw);
  document.addEventListener("DOMContentLoaded", draw);
})();
