const assert = require("node:assert/strict");
const { test } = require("node:test");
const { column, load, table } = require("./page.js");

process.env.TZ = "UTC";
const nbexp = load("elements.js", "dataset.js", "filter.js");
const COLUMNS = [
  [column("variant"), ["train-a", "train-b", "train-c", "train-d"]],
  [column("lr", { kind: "number", role: "param" }), [0.1, 0.025, null, 0.123456]],
  [column("scrap.lr", { kind: "number", title: "last lr" }), ["nan", "inf", "-inf", 3]],
  [column("Optimizer"), ["adam", "SGD", "", null]],
  [column("mixed"), ["10", 9, "b", true]],
  [column("took", { kind: "duration" }), [30, 90, 5400, 200000]],
  [column("started", { kind: "time" }), [0, 86400, 172800, null]],
];
const SET = nbexp.dataset(table(COLUMNS, { labels: ["one fast", "two slow", "three slow", "four"] }));
const read = (text) => nbexp.readFilter(text, SET.columns);
const found = (text) => nbexp.applyFilter(SET, read(text)).map((row) => "abcd"[row]).join("");

for (const [text, rows] of [
  ["", "abcd"],
  ["lr<0.1", "b"],
  ["lr<=0.1", "ab"],
  ["lr>0", "abd"],
  ["lr = 0.1", "a"],
  ["lr==0.1", "a"],
  ["lr=.1|0.025", "ab"],
  ["lr!=0.1", "bcd"],
  ["lr=0.1235", "d"], // as it is shown
  ["LR<1 lr>0.1", "d"],
  ['"last lr"=3', "d"],
  ['"LAST LR" = nan', "a"],
  ["scrap.lr=inf", "b"],
  ["scrap.lr>3", "b"],
  ["scrap.lr<inf", "cd"],
  ["scrap.lr!=nan", "bcd"],
  ["optimizer=sgd", "b"],
  ["optimizer=sgd|ADAM", "ab"],
  ["optimizer>b", "b"],
  ["optimizer=null", ""],
  ["mixed=true", "d"],
  ["mixed=9", "b"],
  ["mixed>a", "cd"], // texts with texts
  ["mixed<a", "a"],
  ["took<1m", "a"],
  ["took>=1.5h", "cd"],
  ["took=90s", "b"],
  ["took=1.5m", "b"],
  ["took>2d", "d"],
  ["took>60min", "cd"],
  ["started>=1970-01-02", "bc"],
  ["started<86400", "a"],
  ["slow", "bc"],
  ["SLOW two", "b"],
  ['"two slow"', "b"],
  ["train-c", "c"],
  ["slow lr<1", "b"],
  ["wrong<1 slow", "bc"], // what is wrong hides nothing
]) {
  test(`${text || "an empty filter"} finds ${rows || "none"}`, () => assert.equal(found(text), rows));
}

for (const [text, problem] of [
  ["lrr<1", "There is no column “lrr”; did you mean “lr”?"],
  ["optimiser=sgd", "There is no column “optimiser”; did you mean “Optimizer”?"],
  ["temperature=1", "There is no column “temperature”."],
  ["lr<", "“lr<” wants a value after it."],
  ['lr=""', "“lr=” wants a value after it."],
  ["lr<abc", "“lr” is compared with numbers; “abc” is none."],
  ["took<3x", "“took” is compared with numbers; “3x” is none."],
  ["started<soon", "“started” is compared with numbers; “soon” is none."],
]) {
  test(`${text} is told to be wrong`, () => {
    assert.deepEqual(read(text), { words: [], conditions: [], problems: [problem] });
  });
}

test("without columns, every comparison is wrong, and words still are words", () => {
  const filter = nbexp.readFilter('lr<1 Word "two Words"', []);
  assert.deepEqual(filter.words, ["word", "two words"]);
  assert.deepEqual(filter.problems, ["There is no column “lr”."]);
});

test("signs alone are words", () => {
  for (const text of ["<", "a <", "= =", '"', '""', "!=1"]) assert.deepEqual(read(text).conditions, []);
});

test("comparisons of a column are replaced, and all else stays", () => {
  const [, [lr], [last]] = COLUMNS;
  const replace = (text, of, ...made) => nbexp.replaceConditions(text, SET.columns, of, made);
  assert.equal(replace("slow lr>0 took<1m LR<1", lr, [">=", "0.1"], ["<=", "0.2"]),
    "slow took<1m lr>=0.1 lr<=0.2");
  assert.equal(replace("lr<1 slow", lr), "slow");
  assert.equal(replace('"last lr"<1 lr=2', last, ["=", "3"]), "lr=2 scrap.lr=3");
  assert.equal(replace("", lr, ["=", "1"]), "lr=1");
});

test("what is replaced is read back as the same comparison", () => {
  const odd = column("my <col> =");
  for (const value of ["a b", "x=y", "<1", "a|b", "plain", "1e-5"]) {
    const text = nbexp.replaceConditions("word", [odd], odd, [["=", value]]);
    const [condition, ...others] = nbexp.readFilter(text, [odd]).conditions;
    assert.deepEqual([condition.column, condition.operator, condition.texts, others],
      [odd, "=", value.split("|"), []]);
  }
});
