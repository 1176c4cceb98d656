// What frame.js gives the other scripts of a frame, and what the libraries that they use have. The
// data are a notebook's: they have the form that the library wants, or are told to be wrong by it.

type JsonTable = Record<string, unknown>;

interface FrameNbexp {
  /** Ask the page for a library, and run it. */
  library(name: string): Promise<void>;
  /** Say in the frame that its output can't be drawn. */
  fail(error: unknown): void;
  isDark(): boolean;
  data(): unknown;
  /** Tell the page that the output is there. */
  drawn(): void;
  /** Be told whenever the reader switches the theme. */
  onTheme(follow: () => void): void;
}

/** In frames; the scripts of pages take theirs from `window`. */
declare const nbexp: FrameNbexp;

/** What Chromium and others offer to guard.js. */
interface Window {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: Record<string, (text: string) => string>): void;
  };
}

/** Parts of a layout, as far as plotly.js changes them. */
type PlotlyParts = Partial<
  Record<"font" | "xaxis" | "yaxis" | "polar" | "ternary" | "geo", JsonTable>
>;

interface PlotlyLayout extends PlotlyParts {
  scene?: Record<string, JsonTable>;
  paper_bgcolor?: string;
  template?: PlotlyTemplate;
}

interface PlotlyTemplate {
  layout?: PlotlyLayout;
}

interface PlotlyFigure {
  config?: JsonTable;
  layout?: PlotlyLayout;
}

declare const Plotly: {
  newPlot(target: string, figure: PlotlyFigure): Promise<unknown>;
  relayout(target: string, changes: PlotlyLayout): Promise<unknown>;
};

interface VegaData {
  url?: unknown;
  values?: unknown;
}

/** Any table in a chart; those with data may be anywhere. */
interface VegaPart {
  data?: VegaData | VegaData[];
}

interface VegaSpec extends VegaPart {
  background?: string;
  config?: { background?: string };
}

interface VegaView {
  finalize(): void;
}

declare function vegaEmbed(target: string, spec: VegaSpec, options: JsonTable): Promise<VegaView>;

/** What bokeh.py keeps of a figure. */
interface BokehData {
  html: string;
  libraries: string[];
}

declare const Bokeh: { versions: Map<string, unknown> };

/** `Widgets.view` of widgets.py. */
interface WidgetsData {
  model: string;
  state: JsonTable;
}

interface WidgetsView {
  luminoWidget: unknown;
  children_views?: { views: Promise<WidgetsView>[] };
}

/** The classic notebook's kernel, as far as widgets are shown by it. */
interface WidgetsKernel {
  is_connected: () => boolean;
  comm_info: (target: unknown, answer: (message: JsonTable) => void) => void;
  comm_manager?: { kernel: WidgetsKernel; register_target: () => void; new_comm: () => void };
  /** Their library puts it there. */
  widget_manager?: {
    get_model(id: string): Promise<unknown>;
    create_view(model: unknown): Promise<WidgetsView>;
  };
}

interface WidgetsBundle {
  load_ipython_extension(): Promise<void>;
  JupyterLuminoWidget: { attach(widget: unknown, place: HTMLElement): void };
}
