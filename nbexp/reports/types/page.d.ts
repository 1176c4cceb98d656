// What the scripts of a page give one another, in `window.nbexp`. Which of them are there, and in
// which order, is said in pages.py and site.py.

interface Window {
  nbexp: Nbexp;
}

declare const finite: unique symbol;
type Finite = number & { readonly [finite]: true };

interface NumberConstructor {
  isFinite(value: unknown): value is Finite;
}

type Child = Node | string | null | undefined;

/** Those named on… are listeners; null, undefined and false are left out. */
interface Attributes {
  onclick?: (event: MouseEvent) => void;
  onchange?: (event: Event) => void;
  oninput?: (event: Event) => void;
  onpointermove?: (event: PointerEvent) => void;
  onpointerleave?: (event: PointerEvent) => void;
  [name: string]: string | number | boolean | null | undefined | ((event: never) => void);
}

/** Pixels within a chart. */
interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface Tick {
  value: number | string;
  label: string;
}

/** From values to places on an axis, which are from 0 to 1. */
interface AxisScale {
  isLog: boolean;
  /** Null where a value has no place. */
  place: (value: Value) => number | null;
  /** About so many. */
  ticks: (count: number) => Tick[];
}

interface NumberScale extends AxisScale {
  low: number;
  high: number;
  value: (at: number) => number;
  categories?: undefined;
}

interface CategoryScale extends AxisScale {
  categories: string[];
}

interface ScaleOptions {
  /** Whether it is logarithmic; found out by default. */
  log?: boolean | null;
  /** Share of the span that is added at both ends. */
  pad?: number;
  /** Whether ticks may stand at the values, where they are few. */
  atValues?: boolean;
}

/** A column's values as its scale takes them. */
interface ColumnScale {
  column: Column;
  values: Value[];
  scale: NumberScale | CategoryScale;
  places: (number | null)[];
}

/** Numbers come before texts. */
type SortKey = number | string;

/** Rows with what is derived from them. */
interface Dataset<Data extends TableData = TableData> {
  data: Data;
  columns: Column[];
  count: number;
  metric: Column | null;
  /** Rows that have a value of the metric, the best first. */
  best: number[];
  /** All that is written in each row; made by the first filter with words. */
  texts?: string[];
  column(key: string | undefined): Column | undefined;
  values(column: Column): Value[];
  numbers(column: Column): (number | null)[];
  name(row: number): string;
  title(row: number): string;
}

type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** An operator, and the value after it. */
type Comparison = [operator: Operator, value: string];

interface Condition {
  column: Column;
  operator: Operator;
  /** What is compared with; one of them must hold. */
  texts: string[];
  test: (value: Value) => boolean;
}

/** What must hold together. */
interface Filter {
  words: string[];
  conditions: Condition[];
  /** What is wrong in its text, in words. */
  problems: string[];
}

/** What a table shows, as it is kept in an address. */
interface TableState {
  filter: string;
  /** Keys of columns, with a minus where the largest is first. */
  sort: string[];
  columns: string[];
}

interface TableOptions {
  /** Page to compare variants on; without it, none can be chosen. */
  compare?: string;
  /** For screen readers. */
  caption?: string;
  /** Told the rows that are shown, and the comparisons that leave them. */
  onFilter?: (rows: number[], conditions: Condition[]) => void;
  /** Told the row below the pointer. */
  onHover?: (row: number | null) => void;
  /** Told the rows that are chosen. */
  onSelect?: (rows: number[]) => void;
  /** Told that the state has changed. */
  onChange?: () => void;
}

interface TableView {
  setFilter: (text: string) => void;
  replace: (column: Column, comparisons: Comparison[]) => void;
  highlight: (row: number | null) => void;
  state: () => TableState;
  restore: (state: Partial<TableState>) => void;
}

/** A table, as its controls see it. */
interface ControlledTable {
  set: Dataset;
  data: TableData;
  options: TableOptions;
  columns: Column[];
  visible: Column[];
  shown: Set<string>;
  /** Keys of the columns that are shown at first. */
  defaults: string[];
  rows: number[];
  filter: Filter;
  selected: Set<number>;
  setFilter(text: string): void;
  show(keys: string[]): void;
  clearSelection(): void;
  csv(): string;
}

interface TableControls {
  element: HTMLElement;
  setText(text: string): void;
  update(): void;
}

interface ChartOptions {
  /** Told the row below the pointer. */
  onHover?: (row: number | null) => void;
  /** Asks for comparisons of a column. */
  onBrush?: (column: Column, comparisons: Comparison[]) => void;
}

/** A chart that follows the table. */
interface ChartView {
  /** Show only some rows, or all; `conditions` are what leaves them. */
  show(rows: Set<number> | null, conditions?: Condition[]): void;
  highlight(row: number | null): void;
}

interface Charts {
  hasParallel(data: TableData): boolean;
  parallel(box: HTMLElement, data: TableData, options?: ChartOptions): ChartView;
  hasScatter(data: TableData): boolean;
  scatter(box: HTMLElement, data: StageData, options?: ChartOptions): ChartView;
  importance(
    box: HTMLElement,
    data: { importance?: Importance[] | null; importance_note?: string },
  ): void;
  hasCurves(data: CurvesData): boolean;
  curves(box: HTMLElement, data: CurvesData, options?: ChartOptions): ChartView;
  matrix(box: HTMLElement, data: StageData): void;
}

type Draw = (svg: SVGSVGElement, width: number) => { height: number; label: string };

interface Axis {
  scale: AxisScale;
  title: string;
}

interface Nbexp {
  // Data files and libraries
  data?: Record<string, StageData>;
  libraries: Record<string, string>;

  // report.js
  recall(name: string): string | null;
  remember(name: string, text: string): void;
  addCopyButtons(): void;

  // elements.js
  beforePrint(action: () => void): void;
  element<Tag extends keyof HTMLElementTagNameMap>(
    tag: Tag,
    attributes?: Attributes,
    ...children: Child[]
  ): HTMLElementTagNameMap[Tag];
  shape<Tag extends keyof SVGElementTagNameMap>(
    tag: Tag,
    attributes?: Attributes,
    ...children: Child[]
  ): SVGElementTagNameMap[Tag];
  select(
    label: string,
    choices: [value: string, text: string][],
    value: string,
    onChange: (value: string) => void,
  ): HTMLElement;
  toggle(label: string, checked: boolean, onChange: (isOn: boolean) => void): HTMLElement;
  showTip(pointer: { clientX: number; clientY: number }, lines: string[]): void;
  hideTip(): void;

  // dataset.js
  collator: Intl.Collator;
  toNumber(value: Value): number | null;
  isNumeric(column: Column): boolean;
  numberOf(column: Column, value: Value): number | null;
  sortKey(column: Column, value: Value): SortKey | null;
  compareKeys(a: SortKey, b: SortKey): number;
  short(value: number, digits?: number): string;
  duration(seconds: number): string;
  time(seconds: number): string;
  format(column: Column, values: Value[]): (value: Value) => string;
  dataset<Data extends TableData>(data: Data): Dataset<Data>;

  // scales.js
  numberScale(values: (number | null)[], options?: ScaleOptions): NumberScale;
  categoryScale(values: Value[]): CategoryScale;
  columnScale(set: Dataset, column: Column, options?: ScaleOptions): ColumnScale;
  ramp(share: number): string;
  goodness(set: Dataset): (number | null)[];
  clipText(text: string, width: number): string;

  // filter.js
  readFilter(text: string, columns: Column[]): Filter;
  applyFilter(set: Dataset, filter: Filter): number[];
  replaceConditions(
    text: string,
    columns: Column[],
    column: Column,
    comparisons: Comparison[],
  ): string;

  // table.js and table-controls.js
  table(box: HTMLElement, data: TableData, options?: TableOptions): TableView;
  tableControls(table: ControlledTable): TableControls;

  // charts.js and charts-….js
  chart(
    box: HTMLElement,
    draw: Draw,
    options?: { least?: number; role?: string },
  ): { svg: SVGSVGElement; redraw: () => void };
  pointerAt(svg: SVGSVGElement, event: MouseEvent): [x: number, y: number];
  drawAxes(svg: SVGSVGElement, area: Area, x: Axis, y: Axis): void;
  bestInWords(set: Dataset): string;
  rowLines(set: Dataset, row: number, columns: Column[]): string[];
  charts: Charts;

  // stage.js
  curves(box: HTMLElement, data: CurvesData): ChartView;
}
