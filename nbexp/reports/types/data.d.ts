// What pages embed for their scripts: Python writes it, as JSON.

/** Whether larger or smaller values are better. */
type Mode = "max" | "min";

/** Numbers that JSON has no sign for. */
type NotFinite = "nan" | "inf" | "-inf";

/** A cell of a table; null where there is no value. */
type Value = string | number | boolean | null;

/** A column of a table: `Column` of tables.py. */
interface Column {
  /** Names it among all columns, and in filters. */
  key: string;
  title: string;
  role: "fact" | "param" | "lineage" | "scrap" | "logged" | "best" | "setting" | "code";
  kind: "text" | "number" | "duration" | "state" | "time";
  /** Whether the rows differ in it. */
  varies: boolean;
  /** Whether it is shown at first. */
  shown: boolean;
  /** What is best, in a column that has a best value of its own. */
  mode: Mode | "";
}

/** Rows with their columns; each row is a variant, or a run (comparison.py). */
interface TableData {
  stage: string;
  /** The key or the title of the metric's column; empty where there is none. */
  metric: string;
  mode: Mode;
  columns: Column[];
  /** A value for each column; no rows at all on a variant's page. */
  rows: Value[][];
  labels: string[];
  /** The page of each row, seen from the pages of stages. */
  links: (string | null)[];
  /** Whether reduce kept it. */
  kept?: boolean[];
}

/** Steps, and the value at each. */
type Curve = [steps: number[], values: (number | NotFinite | null)[]];

/** How much a parameter matters, as a share of one: permutation_importance.py. */
interface Importance {
  param: string;
  value: number;
  error: number;
}

/** A confusion matrix that a row's variant has glued. */
interface Matrix {
  row: number;
  name: string;
  labels: string[];
  /** By true label, then by predicted one. */
  counts: number[][];
}

/** What a variant's page embeds, with one label and no rows: `_curves` of variants.py. */
interface CurvesData extends TableData {
  /** By name, a curve for each row that has one. */
  curves: Record<string, (Curve | null)[]>;
  pruned: boolean[];
  /** None on a variant's page. */
  matrices: Matrix[];
}

/** The data of a stage: `stage_table` of tables.py. */
interface StageData extends CurvesData {
  kept: boolean[];
  /** Only on the stage's page, and null where it can't be told. */
  importance?: Importance[] | null;
  importance_note?: string;
}

/** The best variants of a stage, one for each of `runs`: `_best_of` of comparison.py. */
interface BestData extends StageData {
  runs: string[];
}

/** Runs that can be compared: `comparison_data` of comparison.py. */
interface RunsData {
  table: TableData;
  best: Record<string, BestData>;
}

/** The best value of a metric, run after run: `_history` of site.py. */
interface HistoryData {
  title: string;
  metric: string;
  mode: Mode;
  runs: string[];
  values: (number | null)[];
}

/** How far a run is: `progress` of server/runs.py. */
interface ProgressData {
  state: string;
  is_alive: boolean;
  is_final: boolean;
  version: string;
  files: string;
  done: number;
  total: number;
  running: number;
  counts: string;
}

/** What a variant has printed: `console` of server/runs.py. */
interface ConsoleData {
  html: string;
  rest: string;
  offset: number;
  is_new: boolean;
  left_out: boolean;
  state: string;
  is_alive: boolean;
}
