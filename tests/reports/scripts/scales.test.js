const assert = require("node:assert/strict");
const { test } = require("node:test");
const { column, load, table } = require("./page.js");

const nbexp = load("elements.js", "dataset.js", "scales.js");
const LOSS = column("loss", { kind: "number" });
const labels = (ticks) => ticks.map(({ label }) => label);
const isNear = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

for (const [values, count, expected] of [
  [[0, 0.5, 1], 5, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]],
  [[0.91, 0.98], 4, ["0.92", "0.94", "0.96", "0.98"]],
  [[-3, 4], 4, ["-2", "0", "2", "4"]],
  [[0, 3], 10, ["0", "1", "2", "3"]], // whole numbers
  [[0, 50000], 3, ["0", "20k", "40k"]],
  [[0, 8e6], 4, ["0", "2M", "4M", "6M", "8M"]],
  [[0, 2e-7], 2, ["0", "1e-7", "2e-7"]],
]) {
  test(`ticks from ${values[0]} to ${values[1]}`, () => {
    const scale = nbexp.numberScale(values, { log: false });
    assert.deepEqual(labels(scale.ticks(count)), expected);
  });
}

test("ticks are within the axis, in order, and about as many as asked for", () => {
  for (const [low, high] of [[0, 1], [-7.3, 912], [1e-9, 3e-9], [1e6, 1e6 + 3.5], [0.99, 0.991]]) {
    for (const count of [1, 2, 5, 9]) {
      const scale = nbexp.numberScale([low, high], { log: false });
      const places = scale.ticks(count).map(({ value }) => scale.place(value));
      assert.ok(places.every((place) => place >= -1e-6 && place <= 1 + 1e-6), `${low} ${high}`);
      assert.deepEqual(places, [...places].sort((a, b) => a - b));
      assert.ok(places.length <= 2 * count + 1, `${places.length} for ${count}`);
    }
  }
});

for (const [values, expected] of [
  [[1, 10, 100, 1000], ["1", "10", "100", "1000"]],
  [[1e-6, 0.1], ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "0.1"]],
  [[0.1, 1], ["0.1", "0.2", "0.5", "1"]],
]) {
  test(`ticks on a logarithmic axis from ${values[0]} on`, () => {
    const scale = nbexp.numberScale(values, { log: true });
    assert.deepEqual(labels(scale.ticks(6)), expected);
  });
}

for (const [values, isLog, why] of [
  [[0.001, 1], true, "over two decades"],
  [[1, 40, 80, 120, 150], true, "over two decades, though evenly"],
  [[1, 1.1, 1.2, 1.3, 12], true, "crowded low"],
  [[1, 4, 7, 10, 12], false, "spread evenly"],
  [[0, 1000], false, "with a zero"],
  [[-1, 1000], false, "with a negative number"],
  [[], false, "of nothing"],
]) {
  test(`an axis of values ${why} is ${isLog ? "" : "not "}logarithmic`, () => {
    assert.equal(nbexp.numberScale(values).isLog, isLog);
  });
}

test("values without a place have none", () => {
  const linear = nbexp.numberScale([0, 10, null, NaN]);
  assert.deepEqual([null, NaN, Infinity, "5", 5].map(linear.place), [null, null, null, null, 0.5]);
  const log = nbexp.numberScale([-5, 0, 1, 100], { log: true });
  assert.deepEqual([-5, 0, 1, 10, 100].map(log.place), [null, null, 0, 0.5, 1]);
});

test("a place leads back to its value", () => {
  for (const log of [false, true]) {
    const scale = nbexp.numberScale([0.3, 7, 40], { log, pad: 0.1 });
    for (const value of [0.3, 1, 7, 40]) assert.ok(isNear(scale.value(scale.place(value)), value));
    assert.ok(scale.low < 0.3 && scale.high > 40);
  }
});

test("a single value is in the middle, and none makes an axis all the same", () => {
  for (const value of [0, 5, -3e8, 1e-12]) assert.ok(isNear(nbexp.numberScale([value]).place(value), 0.5));
  const { low, high } = nbexp.numberScale([null, NaN]);
  assert.deepEqual([low, high], [0, 1]);
});

test("few values that are apart are the ticks", () => {
  const ticks = (values) => labels(nbexp.numberScale(values, { log: false, atValues: true }).ticks(5));
  assert.deepEqual(ticks([256, 16, 64, 16]), ["16", "64", "256"]);
  assert.notDeepEqual(ticks([1, 1.01, 2]), ["1", "1.01", "2"]);
  assert.notEqual(ticks([1, 2, 3, 4, 5, 6, 7, 8, 9]).length, 9);
});

test("categories are spaced evenly, in natural order", () => {
  const scale = nbexp.categoryScale(["layer10", null, "layer2", "layer10", undefined, true]);
  assert.deepEqual(scale.categories, ["layer2", "layer10", "true"]);
  assert.deepEqual(["layer2", "layer10", "true", "none", null].map(scale.place),
    [0.5 / 3, 1.5 / 3, 2.5 / 3, null, null]);
  assert.deepEqual(labels(scale.ticks(9)), scale.categories);
  assert.deepEqual(labels(scale.ticks(2)), ["layer2", "true"]);
});

test("a column is of numbers if it has any", () => {
  const text = column("optimizer");
  const empty = column("empty", { kind: "number" });
  const set = nbexp.dataset(table([[LOSS, ["nan", 2, null, 4]], [text, ["b", "a", null, "a"]],
    [empty, [null, "nan", null, null]]]));
  assert.deepEqual(nbexp.columnScale(set, LOSS, { log: false }).places, [null, 0, null, 1]);
  assert.deepEqual(nbexp.columnScale(set, text).places, [0.75, 0.25, null, 0.25]);
  assert.deepEqual(nbexp.columnScale(set, empty).scale.categories, ["NaN"]);
});

test("goodness is one for the best, none for the worst, and the same for the same", () => {
  const of = (values, mode) => nbexp.goodness(nbexp.dataset(
    table([[LOSS, values]], { metric: "loss", mode })));
  assert.deepEqual(of([1, 3, null, 2, "nan"], "max"), [0, 1, null, 0.5, null]);
  assert.deepEqual(of([1, 3, null, 2, "nan"], "min"), [1, 0, null, 0.5, null]);
  const [a, b, c] = of([2, 2, 1], "max");
  assert.ok(a === b && b > c);
  assert.deepEqual(nbexp.goodness(nbexp.dataset(table([[LOSS, [1]]]))), []);
});

test("colours go from the first to the last of the ramp, and no further", () => {
  assert.equal(nbexp.ramp(0), "color-mix(in oklab, var(--ramp-0), var(--ramp-1) 0%)");
  assert.equal(nbexp.ramp(0.5), "color-mix(in oklab, var(--ramp-2), var(--ramp-3) 0%)");
  assert.equal(nbexp.ramp(1), "color-mix(in oklab, var(--ramp-3), var(--ramp-4) 100%)");
  assert.deepEqual([nbexp.ramp(-1), nbexp.ramp(7)], [nbexp.ramp(0), nbexp.ramp(1)]);
});

test("texts that are too wide are cut", () => {
  assert.equal(nbexp.clipText("optimizer", 100), "optimizer");
  assert.equal(nbexp.clipText("optimizer", 32), "opti…");
  assert.equal(nbexp.clipText("optimizer", 0), "op…");
});
