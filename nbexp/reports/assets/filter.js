/* The language of the table's filter: words, and comparisons such as lr<0.01 or state=failed. */
(function () {
  "use strict";
  const nbexp = (window.nbexp = window.nbexp || {});
  const PARTS =
    /("[^"]*"|[^\s"<>=!]+)\s*(<=|>=|!=|==|=|<|>)\s*("[^"]*"|[^\s"]*)|"([^"]*)"|(\S+)/g;
  /** @type {Record<string, number>} */
  const SECONDS = { s: 1, m: 60, min: 60, h: 3600, d: 86400 };

  /** @param {string} text */
  const unquote = (text) => text.replace(/^"|"$/g, "");

  /**
   * Return the least number of letters to change, add or take out.
   * @param {string} a
   * @param {string} b
   */
  function distance(a, b) {
    let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
      const current = [i];
      for (let j = 1; j <= b.length; j++) {
        const swap = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
        current.push(Math.min(swap, previous[j] + 1, current[j - 1] + 1));
      }
      previous = current;
    }
    return previous[b.length];
  }

  /**
   * @param {Column[]} columns
   * @param {string} name
   */
  function findColumn(columns, name) {
    const low = name.toLowerCase();
    const named = (/** @type {string} */ text) => String(text).toLowerCase() === low;
    return columns.find((c) => c.key === name) ||
      columns.find((column) => named(column.key) || named(column.title));
  }

  /**
   * @param {Column[]} columns
   * @param {string} name
   */
  function unknownColumn(columns, name) {
    const near = columns
      .map(({ key }) => ({ key, away: distance(key.toLowerCase(), name.toLowerCase()) }))
      .sort((a, b) => a.away - b.away)[0];
    const isNear = near && near.away <= Math.max(1, name.length / 3);
    return `There is no column “${name}”` + (isNear ? `; did you mean “${near.key}”?` : ".");
  }

  /**
   * Return the number that a text says for a column, or null: 0.01, inf, 90s, 2026-11-21.
   * @param {Column} column
   * @param {string} text
   */
  function readNumber(column, text) {
    const number = nbexp.toNumber(text.toLowerCase());
    if (number !== null) return number;
    if (text !== "" && !Number.isNaN(Number(text))) return Number(text);
    const parts = /^([\d.]+)(s|m|min|h|d)$/.exec(text);
    if (column.kind === "duration" && parts) return Number(parts[1]) * SECONDS[parts[2]];
    return column.kind === "time" ? nbexp.numberOf(column, text) : null;
  }

  /** @type {Record<string, (order: number) => boolean>} */
  const COMPARISONS = {
    "<": (order) => order < 0,
    "<=": (order) => order <= 0,
    ">": (order) => order > 0,
    ">=": (order) => order >= 0,
  };

  /**
   * @param {Column} column
   * @param {Value} value
   * @param {string} text
   */
  function isEqual(column, value, text) {
    const key = nbexp.sortKey(column, value);
    const wanted = readNumber(column, text);
    if (typeof key === "number" && wanted !== null)
      return key === wanted || Number(nbexp.short(key)) === wanted; // as it is shown
    if (Number.isNaN(wanted)) return value === "nan";
    return key !== null && String(value).toLowerCase() === text.toLowerCase();
  }

  /**
   * @param {Column} column
   * @param {Operator} operator
   * @param {string[]} texts
   * @returns {Condition["test"]}
   */
  function conditionTest(column, operator, texts) {
    if (operator === "=") return (value) => texts.some((text) => isEqual(column, value, text));
    if (operator === "!=") return (value) => !texts.some((text) => isEqual(column, value, text));
    const number = readNumber(column, texts[0]);
    const holds = COMPARISONS[operator];
    return function (value) {
      const key = nbexp.sortKey(column, value);
      if (key === null) return false;
      const wanted = typeof key === "number" && number !== null ? number : texts[0];
      if (typeof key !== typeof wanted) return false;
      return holds(nbexp.compareKeys(key, wanted));
    };
  }

  /**
   * @param {Column[]} columns
   * @param {string[]} part
   * @returns {Condition | string} A text tells what is wrong.
   */
  function readCondition(columns, [name, sign, value]) {
    const column = findColumn(columns, unquote(name));
    if (!column) return unknownColumn(columns, unquote(name));
    const operator = /** @type {Operator} */ (sign === "==" ? "=" : sign); // PARTS finds no others
    const text = unquote(value);
    if (text === "") return `“${name}${sign}” wants a value after it.`;
    const isOrder = operator in COMPARISONS;
    if (isOrder && nbexp.isNumeric(column) && readNumber(column, text) === null)
      return `“${column.key}” is compared with numbers; “${text}” is none.`;
    const texts = isOrder ? [text] : text.split("|");
    return { column, operator, texts, test: conditionTest(column, operator, texts) };
  }

  /**
   * Read a filter.
   * @param text
   * @param columns
   * @returns What must hold together; a comparison that is wrong is left out of the conditions and
   *   told in the problems.
   */
  nbexp.readFilter = function (text, columns) {
    /** @type {Filter} */
    const filter = { words: [], conditions: [], problems: [] };
    for (const part of text.matchAll(PARTS)) {
      const word = part[4] !== undefined ? part[4] : part[5];
      if (word !== undefined) {
        filter.words.push(word.toLowerCase());
        continue;
      }
      const condition = readCondition(columns, part.slice(1, 4));
      if (typeof condition === "string") filter.problems.push(condition);
      else filter.conditions.push(condition);
    }
    return filter;
  };

  /**
   * Return the rows of a dataset for which a filter holds, in their order.
   * @param set From `nbexp.dataset`.
   * @param filter From `nbexp.readFilter`.
   */
  nbexp.applyFilter = function (set, filter) {
    if (filter.words.length && !set.texts) set.texts = set.data.rows.map((row, index) =>
      [set.data.labels[index], set.name(index), ...row].join("\n").toLowerCase());
    const texts = set.texts || [];
    const tests = filter.conditions.map(({ column, test }) => ({ at: set.columns.indexOf(column), test }));
    const holds = (/** @type {Value[]} */ row, /** @type {number} */ index) => tests.every(({ at, test }) => test(row[at])) &&
      filter.words.every((word) => texts[index].includes(word));
    return set.data.rows.flatMap((row, index) => (holds(row, index) ? [index] : []));
  };

  const quoted = (/** @type {string} */ text) => (/[\s"<>=!]/.test(text) ? `"${text.replace(/"/g, "")}"` : text);

  /**
   * Return a filter's text with all comparisons of one column replaced.
   * @param text
   * @param columns
   * @param column
   * @param comparisons Operator and value of each; none takes them out.
   */
  nbexp.replaceConditions = function (text, columns, column, comparisons) {
    const kept = [...text.matchAll(PARTS)]
      .filter((part) => !part[2] || findColumn(columns, unquote(part[1])) !== column)
      .map((part) => part[0]);
    const key = quoted(column.key);
    const made = comparisons.map(([operator, value]) => key + operator + quoted(value));
    return [...kept, ...made].join(" ");
  };
})();
