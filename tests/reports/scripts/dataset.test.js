const assert = require("node:assert/strict");
const { test } = require("node:test");
const { column, load, table } = require("./page.js");

process.env.TZ = "UTC";
const nbexp = load("elements.js", "dataset.js");
const NUMBER = column("loss", { kind: "number" });
const TIME = column("started", { kind: "time" });

test("numbers are read, also those that JSON has no sign for", () => {
  const given = [0, -2.5, "nan", "inf", "-inf", "12", "", true, null];
  assert.deepEqual(given.map(nbexp.toNumber),
    [0, -2.5, NaN, Infinity, -Infinity, null, null, null, null]);
});

test("times are read as seconds, from numbers and from dates", () => {
  const of = (value) => nbexp.numberOf(TIME, value);
  assert.deepEqual([12.5, "1970-01-01T00:01Z", "soon", null].map(of), [12.5, 60, null, null]);
  assert.equal(nbexp.numberOf(NUMBER, "1970-01-01T00:01Z"), null);
});

test("keys sort numbers before texts, and texts by the numbers in them", () => {
  const text = column("layer");
  const keys = ["b", "a10", 3, "A2", -1].map((value) => nbexp.sortKey(text, value));
  assert.deepEqual(keys.sort(nbexp.compareKeys), [-1, 3, "A2", "a10", "b"]);
});

test("what is missing, or no number, has no key", () => {
  assert.deepEqual([null, undefined, "nan", "?", "inf"].map((value) => nbexp.sortKey(NUMBER, value)),
    [null, null, null, null, Infinity]);
  assert.equal(nbexp.sortKey(column("state"), null), null);
});

for (const [value, text] of [
  [0, "0"], [-0.5, "-0.5"], [0.98061234, "0.9806"], [12345.678, "12346"], [123456789, "123456789"],
  [1e9, "1e9"], [2.7154e-5, "2.715e-5"], [12345678.9, "1.235e7"], [-1e-7, "-1e-7"], [0.1 + 0.2, "0.3"],
  [NaN, "NaN"], [Infinity, "∞"], [-Infinity, "-∞"],
]) {
  test(`${value} is short as ${text}`, () => assert.equal(nbexp.short(value), text));
}

for (const [seconds, text] of [
  [0, "0.0 s"], [9.94, "9.9 s"], [9.96, "10 s"], [59.4, "59 s"], [59.6, "1 min 0 s"],
  [200, "3 min 20 s"], [3599.7, "1 h 0 min"], [7500, "2 h 5 min"], [NaN, "NaN"], [Infinity, "∞"],
]) {
  test(`${seconds} seconds are ${text}`, () => assert.equal(nbexp.duration(seconds), text));
}

test("times are written to the minute", () => {
  assert.equal(nbexp.time(1795249410.5), "2026-11-21 08:23");
  assert.equal(nbexp.time(1e20), "1e20");
});

for (const [name, given, texts, more] of [
  ["decimals stand below one another", [0.5, 0.25, 1], ["0.50", "0.25", "1.00"]],
  ["no more decimals than there are", [0.5, 1.5], ["0.5", "1.5"]],
  ["small ones get a place more", [0.9876543, 0.0123456], ["0.98765", "0.01235"]],
  ["whole numbers stay so", [1, 20, 300], ["1", "20", "300"]],
  ["spans of many decades are written short", [0.00002, 1.5], ["2e-5", "1.5"]],
  ["parameters are written as they were chosen", [0.1, 0.025], ["0.1", "0.025"], { role: "param" }],
  ["texts among numbers stay texts", [0.5, "none", "nan"], ["0.5", "none", "NaN"]],
  ["what is missing is empty", [null, undefined, 2], ["", "", "2"]],
  ["durations", [1.25, 90], ["1.3 s", "1 min 30 s"], { kind: "duration" }],
]) {
  test(`format: ${name}`, () => {
    const write = nbexp.format({ ...NUMBER, ...more }, given);
    assert.deepEqual(given.map(write), texts);
  });
}

test("the best rows are first; those without a value are left out, and ties keep their order", () => {
  const data = table([[NUMBER, [0.2, null, 0.1, "nan", 0.2, "inf"]]], { metric: "loss" });
  assert.deepEqual(nbexp.dataset(data).best, [0, 4, 2]);
  assert.deepEqual(nbexp.dataset({ ...data, mode: "min" }).best, [2, 0, 4]);
  assert.deepEqual(nbexp.dataset({ ...data, metric: "" }).best, []);
});

test("the metric's column is found by its key first", () => {
  const param = column("loss", { role: "param" });
  const scrap = column("scrap.loss", { title: "loss", role: "scrap" });
  const both = table([[scrap, [1]], [param, [2]]], { metric: "loss" });
  assert.equal(nbexp.dataset(both).metric, param);
  assert.equal(nbexp.dataset(table([[scrap, [1]]], { metric: "loss" })).metric, scrap);
});

test("rows have names, and titles without them", () => {
  const names = ["train-1", "train-2", "train-3"];
  const labels = ["train-1 lr=0.1", "lr=0.2", "train-3"];
  const set = nbexp.dataset(table([[column("variant"), names]], { labels }));
  assert.deepEqual([0, 1, 2].map((row) => set.name(row)), names);
  assert.deepEqual([0, 1, 2].map((row) => set.title(row)), ["lr=0.1", "lr=0.2", "train-3"]);
});

test("data without rows, as of a variant's page, have names by their labels", () => {
  const set = nbexp.dataset({ columns: [], rows: [], labels: ["lr=1"], metric: "loss", mode: "max" });
  assert.deepEqual([set.count, set.best, set.name(0)], [1, [], "lr=1"]);
});

test("a dataset is made once", () => {
  const data = table([[NUMBER, [1]]]);
  assert.equal(nbexp.dataset(data), nbexp.dataset(data));
});
