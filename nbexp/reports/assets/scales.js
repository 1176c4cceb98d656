/* From values to places on an axis, and the ticks that a person would choose. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const STOPS = 5; // --ramp-0 … --ramp-4 in report.css
  const SHADES = 32;

  /**
   * Return the 1, 2 or 5 times a power of ten that divides a span into about `count` steps.
   * @param {number} span
   * @param {number} count
   */
  function niceStep(span, count) {
    const rough = span / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const ratio = rough / power;
    return power * (ratio < 1.42 ? 1 : ratio < 3.17 ? 2 : ratio < 7.08 ? 5 : 10);
  }

  /**
   * @param {number} low
   * @param {number} high
   * @param {number} count
   * @param {boolean} isWhole
   */
  function linearTicks(low, high, count, isWhole) {
    const step = Math.max(niceStep(high - low, count), isWhole ? 1 : 0);
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const ticks = [];
    for (let index = first; index <= last; index++) {
      const value = Number((index * step).toPrecision(12));
      ticks.push({ value, label: tickLabel(value, step, places) });
    }
    return ticks;
  }

  /**
   * @param {number} value
   * @param {number} step
   * @param {number} places
   */
  function tickLabel(value, step, places) {
    if (value === 0) return "0";
    if (step >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
    if (step >= 1e3) return `${Number((value / 1e3).toPrecision(6))}k`;
    return places > 5 ? nbexp.short(value) : value.toFixed(places);
  }

  /**
   * @param {number} low
   * @param {number} high
   * @param {number} count
   * @returns {Tick[]}
   */
  function logTicks(low, high, count) {
    const first = Math.floor(Math.log10(low) + 1e-9);
    const last = Math.ceil(Math.log10(high) - 1e-9);
    const every = Math.ceil((last - first + 1) / Math.max(2, count));
    /** @type {[steps: number[], least: number][]} */
    const kinds = every > 1 ? [[[1], 1]] : [[[1], 4], [[1, 3], 4], [[1, 2, 5], 3], [[1], 3]];
    for (const [steps, least] of kinds) {
      const ticks = [];
      for (let power = Math.ceil(first / every) * every; power <= last; power += every)
        ticks.push(...steps.map((step) => ({ step, power, value: step * 10 ** power })));
      const fitting = ticks.filter(({ value }) => value >= low * 0.9999 && value <= high * 1.0001);
      if (fitting.length >= least && fitting.length <= count + 2) return labelled(fitting);
    }
    return linearTicks(low, high, Math.min(count, 4), false);
  }

  /** @param {{value: number, step: number, power: number}[]} ticks */
  function labelled(ticks) {
    const isWide = ticks.some(({ power }) => Math.abs(power) > 4);
    return ticks.map(({ value, step, power }) => ({ value, label: powerLabel(step, power, isWide) }));
  }

  /**
   * @param {number} step
   * @param {number} power
   * @param {boolean} isWide
   */
  function powerLabel(step, power, isWide) {
    if (!isWide || Math.abs(power) < 2)
      return nbexp.short(Number((step * 10 ** power).toPrecision(3)));
    const exponent = String(Math.abs(power)).replace(/\d/g, (digit) => SUPERSCRIPTS[Number(digit)]);
    return `${step === 1 ? "" : `${step}·`}10${power < 0 ? "⁻" : ""}${exponent}`;
  }

  /**
   * Whether values are better seen on a logarithmic axis: over two decades, or crowded low.
   * @param {number[]} values
   */
  function isSkewed(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const [low, high] = [sorted[0], sorted[sorted.length - 1]];
    if (!(low > 0)) return false;
    if (high / low > 100) return true;
    const middle = sorted[Math.floor((sorted.length - 1) / 2)];
    return high / low >= 8 && (middle - low) / (high - low) < 0.3;
  }

  /**
   * Make a scale of numbers.
   * @param values Those that are not finite are left out.
   * @param options
   */
  nbexp.numberScale = function (values, { log = null, pad = 0, atValues = false } = {}) {
    const finite = values.filter((value) => Number.isFinite(value));
    const usable = log ? finite.filter((value) => value > 0) : finite;
    const isLog = usable.length > 0 && (log === null ? isSkewed(usable) : log);
    const to = isLog ? Math.log10 : (/** @type {number} */ value) => value;
    const from = (/** @type {number} */ value) => (isLog ? 10 ** value : value);
    const [low, high] = padded(usable.map(to), pad);
    const place = (/** @type {Value} */ value) =>
      Number.isFinite(value) && (!isLog || value > 0) ? (to(value) - low) / (high - low) : null;
    const few = atValues ? fewValues(usable, place) : null;
    const isWhole = finite.every(Number.isInteger);
    return {
      isLog,
      low: from(low),
      high: from(high),
      place,
      value: (at) => from(low + at * (high - low)),
      ticks: (count) => few || (isLog ? logTicks(from(low), from(high), count)
        : linearTicks(low, high, count, isWhole)),
    };
  };

  /**
   * @param {number[]} values
   * @param {number} pad
   * @returns {[low: number, high: number]}
   */
  function padded(values, pad) {
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (low > high) return [0, 1];
    const room = Math.max(Math.abs(low) * 0.1, 0.1);
    if (low === high) return [low - room, high + room];
    return [low - pad * (high - low), high + pad * (high - low)];
  }

  /**
   * @param {number[]} values
   * @param {NumberScale["place"]} place
   * @returns {Tick[] | null}
   */
  function fewValues(values, place) {
    const distinct = [...new Set(values)].sort((a, b) => a - b);
    const isApart = distinct.every((value, index) =>
      index === 0 || Number(place(value)) - Number(place(distinct[index - 1])) > 0.07);
    if (distinct.length > 8 || !isApart) return null;
    return distinct.map((value) => ({ value, label: nbexp.short(value, 3) }));
  }

  /** Make a scale of categories, evenly spaced in natural order. */
  nbexp.categoryScale = function (values) {
    const texts = values.filter((value) => value !== null && value !== undefined).map(String);
    const categories = [...new Set(texts)].sort(nbexp.collator.compare);
    const at = new Map(categories.map((text, index) => [text, (index + 0.5) / categories.length]));
    const every = (/** @type {number} */ count) => Math.ceil(categories.length / Math.max(1, count));
    return {
      isLog: false,
      categories,
      place: (value) => at.get(String(value)) ?? null,
      ticks: (count) => categories.filter((_, index) => index % every(count) === 0)
        .map((text) => ({ value: text, label: text })),
    };
  };

  /**
   * Make the scale of a column, and return it with the column's values as the scale takes them.
   * @param set From `nbexp.dataset`.
   * @param column
   * @param options As for `nbexp.numberScale`.
   */
  nbexp.columnScale = function (set, column, options) {
    const numbers = nbexp.isNumeric(column) ? set.numbers(column) : null;
    const values = numbers || set.values(column);
    const isNumeric = numbers && numbers.some((value) => Number.isFinite(value));
    const scale = isNumeric ? nbexp.numberScale(numbers, options) : nbexp.categoryScale(values);
    return { column, values, scale, places: values.map((value) => scale.place(value)) };
  };

  /** Return the colour of a share from 0 (worst) to 1 (best); it follows the theme by itself. */
  nbexp.ramp = function (share) {
    const at = (Math.round(Math.min(1, Math.max(0, share)) * SHADES) / SHADES) * (STOPS - 1);
    const stop = Math.min(STOPS - 2, Math.floor(at));
    const part = Math.round((at - stop) * 100);
    return `color-mix(in oklab, var(--ramp-${stop}), var(--ramp-${stop + 1}) ${part}%)`;
  };

  /**
   * Return how good each row's metric is, from 0 to 1, or null: half by its value and half by its
   * rank, so that those that are close to one another can still be told apart.
   */
  nbexp.goodness = function (set) {
    if (!set.metric) return [];
    const { places } = nbexp.columnScale(set, set.metric);
    const isLess = set.data.mode === "min";
    const last = Math.max(1, set.best.length - 1);
    /** @type {(number | null)[]} */
    const good = places.map(() => null);
    let rank = 0;
    set.best.forEach((row, index) => {
      if (index > 0 && places[row] !== places[set.best[index - 1]]) rank = index; // ties share one
      const place = Number(places[row]); // the best ones have one
      const byValue = isLess ? 1 - place : place;
      good[row] = (byValue + 1 - rank / last) / 2;
    });
    return good;
  };

  /** Shorten a text to about a number of pixels, at the charts' font size. */
  nbexp.clipText = function (text, width) {
    const most = Math.max(3, Math.floor(width / 6.4));
    return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  };
})();
