/* The rows of a stage as numbers, texts and an order; loaded after elements.js. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  /** @type {Map<unknown, number>} */
  const NOT_FINITE = new Map([["nan", NaN], ["inf", Infinity], ["-inf", -Infinity]]);
  const NUMERIC = new Set(["number", "duration", "time"]);
  const known = new WeakMap();

  /** The natural order of texts: "a2" before "a10". */
  nbexp.collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  /** Return a number, with "nan", "inf" and "-inf" read as such, or null where it is none. */
  nbexp.toNumber = function (value) {
    if (typeof value === "number") return value;
    return NOT_FINITE.get(value) ?? null;
  };

  /** Whether the values of a column are numbers. */
  nbexp.isNumeric = (column) => NUMERIC.has(column.kind);

  /** Return a value of a numeric column as a number (times in seconds since 1970), or null. */
  nbexp.numberOf = function (column, value) {
    const number = nbexp.toNumber(value);
    if (number !== null || column.kind !== "time" || value === null) return number;
    const milliseconds = Date.parse(String(value));
    return Number.isNaN(milliseconds) ? null : milliseconds / 1000;
  };

  /** Return what a value sorts by: a number, a text, or null where it is missing or no number. */
  nbexp.sortKey = function (column, value) {
    if (value === null || value === undefined) return null;
    if (!nbexp.isNumeric(column)) return typeof value === "number" ? value : String(value);
    const number = nbexp.numberOf(column, value);
    return Number.isNaN(number) ? null : number;
  };

  /** Compare two keys of `nbexp.sortKey` that are not null: numbers come before texts. */
  nbexp.compareKeys = function (a, b) {
    if (typeof a === "number" && typeof b === "number") return a < b ? -1 : a > b ? 1 : 0;
    if (typeof a === "string" && typeof b === "string") return nbexp.collator.compare(a, b);
    return typeof a === "number" ? -1 : 1;
  };

  /** Return a number with about four significant digits, such as 0.9806, 12346 or 2.715e-5. */
  nbexp.short = function (value, digits = 4) {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e9) return String(value);
    if (size < 1e-4 || size >= 1e7) return exponential(value, digits);
    return String(Number(value.toPrecision(Math.max(digits, Math.floor(Math.log10(size)) + 1))));
  };

  /**
   * @param {number} value
   * @param {number} digits
   */
  function exponential(value, digits) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }

  /** Return seconds as people say them: 0.4 s, 42 s, 3 min 20 s, 2 h 5 min. */
  nbexp.duration = function (seconds) {
    if (!Number.isFinite(seconds)) return nbexp.short(seconds);
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  };

  /** Return a time in seconds since 1970 as 2026-11-21 08:23, in the reader's time zone. */
  nbexp.time = function (seconds) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return nbexp.short(seconds);
    const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
    return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
  };

  const decimals = (/** @type {number} */ value) => (String(value).split(".")[1] || "").length;

  /**
   * Return how to write the numbers of a column, so that their points stand below one another.
   * @param {Column} column
   * @param {number[]} numbers
   * @returns {(number: number) => string}
   */
  function numberFormat(column, numbers) {
    const finite = numbers.filter((number) => Number.isFinite(number));
    const sizes = finite.map(Math.abs).filter((size) => size > 0);
    const most = sizes.reduce((a, b) => Math.max(a, b), 0);
    const least = sizes.reduce((a, b) => Math.min(a, b), Infinity);
    if (finite.every(Number.isInteger) || column.role === "param") return nbexp.short;
    if (least < 1e-4 || most >= 1e6 || most / least > 1e3) return nbexp.short;
    const isWide = most / least > 30; // then a place more, for the small ones
    const wanted = Math.max(0, 3 - Math.floor(Math.log10(most))) + Number(isWide);
    const needed = finite.reduce((count, number) => Math.max(count, decimals(number)), 0);
    const places = Math.min(wanted, needed);
    return (number) => (Number.isFinite(number) ? number.toFixed(places) : nbexp.short(number));
  }

  /**
   * Return the function that writes the values of a column.
   * @param column
   * @param values All of the column's values.
   * @returns It returns an empty text for a value that is missing.
   */
  nbexp.format = function (column, values) {
    const write = column.kind === "duration" ? nbexp.duration
      : column.kind === "time" ? nbexp.time
      : numberFormat(column, values.map(nbexp.toNumber).filter((value) => value !== null));
    return function (value) {
      if (value === null || value === undefined) return "";
      const number = nbexp.isNumeric(column) ? nbexp.numberOf(column, value)
        : typeof value === "number" ? value : null;
      return number === null ? String(value) : write(number);
    };
  };

  /**
   * @template {TableData} Data
   * @implements {Dataset<Data>}
   */
  class Rows {
    /** @param {Data} data */
    constructor(data) {
      this.data = data;
      this.columns = data.columns || [];
      this.count = (data.labels || data.rows).length;
      this.metric = this.metricColumn();
      this.best = this.order();
    }

    metricColumn() {
      const { metric } = this.data;
      return this.columns.find((column) => column.key === metric) ||
        this.columns.find((column) => column.title === metric) || null;
    }

    /**
     * The column of a key, or undefined.
     * @param {string | undefined} key
     */
    column(key) {
      return this.columns.find((column) => column.key === key);
    }

    /**
     * All values of a column.
     * @param {Column} column
     */
    values(column) {
      const index = this.columns.indexOf(column);
      return this.data.rows.map((row) => row[index]);
    }

    /**
     * All values of a numeric column as numbers; null where there is none.
     * @param {Column} column
     */
    numbers(column) {
      return this.values(column).map((value) => nbexp.numberOf(column, value));
    }

    /** Rows that have a value of the metric, the best first. */
    order() {
      if (!this.metric) return [];
      const values = this.numbers(this.metric);
      const sign = this.data.mode === "min" ? 1 : -1;
      const rows = [...values.keys()].filter((row) => Number.isFinite(values[row]));
      return rows.sort((a, b) => sign * (Number(values[a]) - Number(values[b])) || a - b);
    }

    /**
     * Name of a row's variant, such as train-3f9a2c.
     * @param {number} row
     */
    name(row) {
      const index = this.columns.findIndex((column) => column.key === "variant");
      return String(index < 0 ? this.data.labels[row] : this.data.rows[row][index]);
    }

    /**
     * What tells a row from the others, in short: its label without its name.
     * @param {number} row
     */
    title(row) {
      const label = String(this.data.labels[row]);
      const name = this.name(row);
      return (label.startsWith(name) && label.slice(name.length).trim()) || label;
    }
  }

  /**
   * Return the data of a stage with what is derived from it; made once for each.
   * @param data As in the page's JSON: columns, rows, labels, links, metric, mode, …
   */
  nbexp.dataset = function (data) {
    if (!known.has(data)) known.set(data, new Rows(data));
    return known.get(data);
  };
})();
