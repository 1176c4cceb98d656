// The scripts of pages in node: what they make of data needs no browser.
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const ASSETS = path.join(__dirname, "../../../nbexp/reports/assets");

/** Return what scripts put into `window.nbexp`, loaded in their order as a page does. */
exports.load = function (...names) {
  const window = {};
  for (const name of names) {
    const filename = path.join(ASSETS, name);
    vm.compileFunction(fs.readFileSync(filename, "utf8"), ["window"], { filename })(window);
  }
  return window.nbexp;
};

/** Return a column of a table. */
exports.column = (key, more) => ({ key, title: key, role: "fact", kind: "text", varies: true, shown: true,
  mode: "", ...more });

/** Return the data of a stage, of its columns with the values of each. */
exports.table = function (columns, more) {
  const count = columns[0][1].length;
  const rows = Array.from({ length: count }, (_, row) => columns.map(([, values]) => values[row]));
  const labels = rows.map((_, row) => `label ${row}`);
  return { stage: "train", metric: "", mode: "max", columns: columns.map(([each]) => each), rows,
    labels, links: labels.map(() => null), ...more };
};
