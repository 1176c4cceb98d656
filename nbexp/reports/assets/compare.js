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
  const runs = source ? JSON.parse(source.textContent) : null; // {table, best: {STAGE: data}}
  const stages = Object.values(nbexp.data || {});
  const choices = new Map(stages.map((data) => [data.stage, data]));
  if (runs) choices.set(RUNS, runs.table);
  const state = { key: "", data: null, rows: [], bestOf: "" };
  const showsAll = new Set(); // sections whose tables also show what is the same

  function read() {
    const [key, names, stage] = address().split(":");
    const isKnown = choices.has(key);
    state.key = isKnown ? key : first();
    state.data = choices.get(state.key);
    state.bestOf = state.key === RUNS && Object.hasOwn(runs.best, stage || "") ? stage : "";
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
    return data && data.stage;
  }

  function choose(key, rows, stage) {
    const dataset = nbexp.dataset(choices.get(key));
    const names = rows.map((row) => dataset.name(row)).join(",");
    location.hash = encodeURI([key, names, stage].filter((part, n) => n < 2 || part).join(":"));
  }

  function draw() {
    read();
    const held = holder();
    if (state.data) drawAll();
    else drawNothing();
    held();
  }

  function drawAll() {
    drawChoice(document.getElementById("choice"));
    drawTable(document.getElementById("differences"), state.data, state.rows);
    const [data, rows] = state.key === RUNS ? bestOfRuns() : [state.data, state.rows];
    drawBest(document.getElementById("best"), data, rows);
    drawCurves(document.getElementById("curves"), data, rows);
    drawCells(document.getElementById("cells"), data, rows);
  }

  function drawNothing() {
    const [choice, ...others] = document.querySelectorAll("main > section");
    choice.replaceChildren(element("p", { class: "muted" }, "There are no variants to compare."));
    others.forEach((section) => (section.hidden = true));
  }

  /** Return a function that gives the focus back to the control that is now where it was. */
  function holder() {
    const held = document.activeElement;
    const section = held && held.closest("main > section");
    if (!section) return () => {};
    const place = [...section.querySelectorAll(held.tagName)].indexOf(held);
    return function () {
      if (held.isConnected) return;
      const same = section.querySelectorAll(held.tagName);
      const next = same[Math.min(place, same.length - 1)] || section.querySelector("select");
      if (next) next.focus({ preventScroll: true });
    };
  }

  /** Return the best variants of the runs that are compared, of the stage that was chosen. */
  function bestOfRuns() {
    const names = Object.keys(runs.best);
    const data = runs.best[state.bestOf || names.find((name) => runs.best[name].metric) || names[0]];
    if (!data) return [null, []];
    const dataset = nbexp.dataset(runs.table);
    const rows = state.rows.map((row) => data.runs.indexOf(dataset.name(row)));
    return [data, rows.filter((row) => row >= 0)];
  }

  /** Empty a section but for its heading. */
  function cleared(section) {
    [...section.children].forEach((child) => child.tagName === "H2" || child.remove());
    return section;
  }

  /** Return where the page of a row is, seen from here; null where the report has none. */
  function href(data, row) {
    return data.links[row] && data.links[row].replace("../", "");
  }

  function drawChoice(section) {
    const { key, data, rows, bestOf } = state;
    const dataset = nbexp.dataset(data);
    const names = [...choices.keys()].map((each) =>
      [each, each === RUNS ? "whole runs" : `variants of ${each}`]);
    const pick = (other) => choose(other, [...choices.get(other).links.keys()].slice(0, 2));
    const left = [...data.links.keys()].filter((row) => !rows.includes(row)).slice(0, 500);
    const more = left.map((row) => [String(row), `${dataset.name(row)}  ${dataset.title(row)}`]);
    const add = (row) => row && choose(key, [...rows, Number(row)], bestOf);
    cleared(section).append(
      element("div", { class: "controls" },
        nbexp.select("Compare", names, key, pick),
        rows.length < MOST && more.length
          ? nbexp.select("Add", [["", key === RUNS ? "a run …" : "a variant …"], ...more], "", add)
          : null),
      element("ul", { class: "chips" }, ...rows.map((row) => chip(dataset, row)))
    );
  }

  function chip(dataset, row) {
    const { key, rows, bestOf } = state;
    const without = () => choose(key, rows.filter((other) => other !== row), bestOf);
    const name = dataset.name(row);
    return element("li", { class: "chip" }, name,
      element("button", { type: "button", "aria-label": `Leave out ${name}`, onclick: without }, "×"));
  }

  function drawBest(section, data, rows) {
    section.hidden = state.key !== RUNS || !data || !rows.length;
    if (section.hidden) return;
    const names = Object.keys(runs.best).map((name) => [name, name]);
    const pick = (name) => choose(RUNS, state.rows, name);
    drawTable(section, data, rows, nbexp.select("Stage", names, data.stage, pick));
  }

  function drawTable(section, data, rows, ...controls) {
    const body = element("div", {});
    const change = (isOn) => {
      showsAll[isOn ? "add" : "delete"](section.id);
      body.replaceChildren(tableOf(section, data, rows));
    };
    body.append(tableOf(section, data, rows));
    const toggle = nbexp.toggle("Also what is the same", showsAll.has(section.id), change);
    cleared(section).append(element("div", { class: "controls" }, ...controls, toggle), body);
  }

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

  function headOf(data, row) {
    const [name, target] = [nbexp.dataset(data).name(row), href(data, row)];
    return element("th", { scope: "col" }, target ? element("a", { href: target }, name) : name);
  }

  /** Return the row with the best value of a column that has one, or undefined. */
  function bestRow(dataset, rows, column) {
    const mode = dataset.metric === column ? dataset.data.mode : column.mode;
    if (!mode) return undefined;
    const values = dataset.numbers(column);
    const sign = mode === "min" ? 1 : -1;
    const known = rows.filter((row) => Number.isFinite(values[row]));
    return known.sort((a, b) => sign * (values[a] - values[b]))[0];
  }

  /** Return a line for each column in which the rows differ, or for all that have a value. */
  function linesOf(dataset, rows, isAll) {
    return dataset.columns.filter(function (column) {
      const values = dataset.values(column);
      const own = rows.map((row) => values[row]);
      if (column.key === "variant" || own.every((value) => value === null)) return false;
      return isAll || new Set(own.map(String)).size > 1;
    }).map((column) => line(dataset, rows, column));
  }

  function line(dataset, rows, column) {
    const all = dataset.values(column);
    const write = nbexp.format(column, all);
    const best = bestRow(dataset, rows, column);
    const role = column.role === "fact" ? "" : column.role;
    return element("tr", {},
      element("th", { scope: "row" }, column.title, " ", element("span", { class: "muted" }, role)),
      ...rows.map((row) => element("td", { class: row === best && rows.length > 1 ? "is-best" : null },
        valueOf(write(all[row])))));
  }

  function valueOf(text) {
    return text.length > LONG ? element("div", { class: "long", title: text }, text) : text;
  }

  function drawCurves(section, data, rows) {
    const curves = Object.fromEntries(Object.entries(data ? data.curves : {})
      .map(([name, lines]) => [name, rows.map((row) => lines[row])])
      .filter(([, lines]) => lines.some(Boolean)));
    section.hidden = !Object.keys(curves).length;
    if (section.hidden) return;
    const dataset = nbexp.dataset(data);
    const box = element("div", {});
    cleared(section).append(box);
    nbexp.curves(box, { ...data, curves,
      rows: rows.map((row) => data.rows[row]),
      kept: rows.map((row) => data.kept[row]),
      links: rows.map((row) => href(data, row)),
      labels: rows.map((row) => `${(data.runs || [])[row] || dataset.name(row)} ${dataset.title(row)}`),
      pruned: rows.map((row) => data.pruned[row]),
    });
  }

  let frames = [];

  function drawCells(section, data, rows) {
    section.hidden = !data || !rows.length;
    if (section.hidden) return;
    const dataset = nbexp.dataset(data);
    const drawn = rows.map((row) => href(data, row) && element("iframe", {
      src: `${href(data, row)}?embedded`,
      title: `Cells of ${dataset.name(row)}`,
      class: "beside",
    }));
    frames = drawn.filter(Boolean).map((node) => ({ cells: null, node }));
    const missing = "Its notebook is not part of this report; nbexp view shows it.";
    const columns = rows.map((row, n) => element("div", { class: "beside-column" },
      element("p", { class: "beside-name" }, dataset.name(row), " ",
        element("span", { class: "muted" }, dataset.title(row))),
      drawn[n] || element("p", { class: "muted" }, missing)));
    cleared(section).append(element("div", { class: "beside-box", tabindex: "0", role: "group",
      "aria-labelledby": "cells-title" }, ...columns));
  }

  /** Return the longest list of cells that two notebooks have in common, as pairs of positions. */
  function common(one, other) {
    const [a, b] = [one.keys, other.keys];
    const isSame = (i, j) => a[i] === b[j] || one.sources[i] === other.sources[j];
    const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        longest[i][j] = isSame(i, j) ? longest[i + 1][j + 1] + 1
          : Math.max(longest[i + 1][j], longest[i][j + 1]);
      }
    }
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
    const known = frames.filter((frame) => frame.cells);
    if (!known.length || known.length < frames.length) return;
    const lead = known[0].cells;
    const partners = known.map((frame) => new Map(common(lead, frame.cells)));
    const places = known.map(() => []);
    const next = known.map(() => 0);
    let top = 0;
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
    known.forEach((frame, n) => {
      frame.node.style.height = `${top + 24}px`;
      frame.node.contentWindow.postMessage({ nbexp: "place", places: places[n] }, "*");
    });
  }

  const isList = (value) => Array.isArray(value) && value.length <= 5000;

  window.addEventListener("message", (event) => {
    const frame = frames.find((each) => each.node.contentWindow === event.source);
    const told = event.data;
    if (!frame || !told || told.nbexp !== "cells") return;
    const lists = [told.heights, told.keys, told.sources];
    if (!lists.every((list) => isList(list) && list.length === told.heights.length)) return;
    const heights = told.heights.map((height) => Math.min(20000, Math.max(0, Number(height) || 0)));
    frame.cells = { heights, keys: told.keys.map(String), sources: told.sources.map(String) };
    align();
  });
  window.addEventListener("hashchange", draw);
  document.addEventListener("DOMContentLoaded", draw);
})();
