// What Python sends, and the small shapes that the scripts pass around. Known in every file without an import.

/** x and y, in pixels; or, in a story, column and row, in cells */
type Point = [x: number, y: number];
/** where a grid stands, in cells, and how far it is turned: 0 as it lay, 1 turned by 180 degrees */
type Place = [column: number, row: number, turn: number];
type Square = [x: number, y: number, side: number];
type Box = [left: number, top: number, right: number, bottom: number];
type Rgb = [red: number, green: number, blue: number];
/** one colour as fill and as text, on a light page and on a dark one */
type Tones = [light: string, lightText: string, dark: string, darkText: string];

/** course_lib.looks.for_browser(): scripts.py writes it in front of every script */
declare const LOOKS: {
  roles: Record<string, Tones>;
  signs: { above: Tones; below: Tones };
  status: Record<string, string>;
};

// ---------------------------------------------------------------- stories, as player.py sends them

/** a Grid of course_lib.frames.story, which says what each field means */
interface GridData {
  key: string;
  name: string;
  role: string;
  shape: [rows: number, columns: number];
  /** row by row; those of a picture are packed: first the unit, then how many units each value is */
  values: number[];
  at: Point;
  pitch: [across: number, down: number];
  pad: [rows: number, columns: number];
  gaps: [rows: number, columns: number];
  flipped: boolean;
  /** the step in which a flipped grid is turned */
  turns: number;
  /** cells that are struck out, from step `strikes` on */
  struck?: number[];
  strikes?: number;
  /** the step from which it is there */
  appears?: number;
  prefix: number[];
  folded: number;
  ndim: number;
  collects: boolean;
  empty: boolean;
  picture: boolean;
  scale: number;
  caption: string;
  untouched: number[];
}

/** cells of grid `to` receive scale times the product of one cell of each factor; grids are numbered */
interface FlowData {
  to: number;
  cells: number[];
  /** one cell for all, or one for each of the cells written */
  factors: [grid: number, cells: number | number[]][];
  /** one number for all, or packed as the values of a picture */
  scale: number | number[];
  /** the amounts themselves, where they were observed */
  amounts?: number[];
  /** the values of a new array, which do not travel */
  quiet?: boolean;
}

interface StepData {
  sentence: string;
  formula: string;
  numbers: string;
  line: number | null;
  flows: FlowData[];
  /** grid -> where it stands from this step on */
  moves: Record<string, Point>;
  /** grid -> cells that are read without adding anything */
  looks: Record<string, number[]>;
  /** what stands beside the lit line of code */
  beside: string;
}

interface StoryData {
  title: string;
  box: Box;
  grids: GridData[];
  steps: StepData[];
  /** from one grid to another: which numbers are computed from which */
  edges?: [from: number, to: number][];
  code: { lines: string[]; lab: string; secret: boolean } | null;
}

/**
 * The state of a player: stories, packed, or a sentence in place of them. clock: for every tick, the position of each
 * story; without one, all begin and end together. halt: the tick at which playing pauses.
 */
type PlayerState = {
  stories: { clock?: number[][]; halt?: number | null } & (
    | { packed: string; message?: undefined }
    | { packed?: undefined; message: string }
  );
  /** the arrays whose numbers the reader may change, and what was changed last */
  turnable?: string[];
  turned?: Turned;
};

type Turned = { key: string; place: number[]; value: number };

// ---------------------------------------------------------------- inside the player

interface Cell {
  grid: number;
  cell: number;
}

/** one amount on its way from the cells it is the product of to the cell it is added to, in step `at` */
interface Term {
  at: number;
  to: number;
  cell: number;
  read: [grid: number, cell: number][];
  amount: number;
}

// ---------------------------------------------------------------- a training, as dashboard.py sends it

interface Curve {
  width: number;
  bins: [mean: number, lowest: number, highest: number][];
}

type CurvePiece = Curve & { from: number };

type Status = "training" | "paused" | "finished" | "stopped" | "failed";

interface Now {
  status: Status;
  step: number;
  of: number;
  epoch: number;
  epochs: number;
  rate: number;
  left: number | null | undefined;
  seconds: number;
}

interface Passed {
  kind: "accuracy" | "loss";
  train: number[];
  test: number[];
}

/** of the first layer: filters of rows of values, in 99ths of the largest */
interface Filters {
  largest: number;
  shares: number[][][];
}

type Norm = [layer: string, now: number, first: number];

type BoardState = {
  now: Now;
  curve: Curve;
  news: CurvePiece;
  passed: Passed;
  filters: Filters | Record<string, never>;
  norms: Norm[];
  sample: Sample | Record<string, never>;
  hard: Hard | Record<string, never>;
};

/** what a board sees of some test examples now and then; says: the answers to the hard ones among them */
interface Sample {
  size: number;
  points: Point[];
  says: number[];
}

/** the hard images side by side, as a PNG in base64 */
interface Hard {
  png: string;
  labels: number[];
}

// ---------------------------------------------------------------- the digit pad, as digit_pad.py sends it

interface Drawing {
  number: number;
  strokes: Point[][];
  example: number | null | undefined;
}

interface Reading {
  number: number;
  says: string;
  probabilities?: number[];
  seen: DataView;
  maps: { shape: [count: number, rows: number, columns: number]; pixels: DataView }[];
  back?: { first: number; second: number; winner: Shades; change: Shades; window: [number, number, number] };
}

interface Shades {
  single: DataView;
  smooth: DataView;
}

type Way = "winner" | "change" | "off";

type PadState = {
  settings: { pad: number; width: number; examples: DataView[]; way: Way; demo: boolean };
  drawing: Drawing;
  reading: Reading;
};

// ---------------------------------------------------------------- a question, as prediction.py sends it

/** text with its tag: "code", "em" or "" */
type Pieces = [tag: string, text: string][];

/** a letter; a text for a number; texts in rows; null: skipped */
type Answer = string | string[] | string[][] | null;

type QuestionState = {
  asked: {
    name: string;
    slug: string;
    choices: [letter: string, says: Pieces][];
    shape: number[] | null;
    how: string;
    reveals: number | null;
    code: boolean;
    folded: string;
  };
  given: { number: number; answer: Answer };
  reply: {
    number: number;
    status: "right" | "wrong" | "skipped" | "neutral";
    head: string;
    says: Pieces;
    answer: Answer;
    parts: boolean[];
    first: Pieces;
    opens: boolean;
  };
};

// ---------------------------------------------------------------- a gradient drawn by hand, as drawing.py sends it

type DrawingState = {
  asked: {
    name: string;
    tensor: string;
    role: string;
    shape: number[];
    how: string;
    grids: { name: string; role: string; rows: string[][]; values: number[][] }[];
  };
  given: { number: number; rows: string[][] };
  reply: {
    number: number;
    status: "right" | "wrong" | "neutral";
    head: string;
    says: Pieces;
    rows: string[][];
    parts: boolean[];
  };
};

// ---------------------------------------------------------------- gradients in deep networks, as flow_explorer.py sends them

/** one size for each layer */
interface FlowSizes {
  gradients: number[];
  signals: number[];
  weights: number[];
}

interface FlowSettings {
  depth: number;
  /** the name of an initialisation, or how many times He's standard deviation */
  start: string | number;
  activation: string;
  batch_norm: boolean;
  residual: boolean;
  channels: number[];
}

interface FlowGrid {
  scales: number[];
  sizes: FlowSizes[];
}

type FlowState = {
  limits: {
    depth: [number, number];
    channels: [number, number];
    scale: [number, number];
    activations: string[];
    /** what is said up to which ratio between the first layer's gradient and the last layer's; null is without end */
    verdicts: [limit: number | null, words: string][];
  };
  settings: FlowSettings;
  measured: {
    settings: FlowSettings;
    sizes: FlowSizes;
    sigma: number[];
    scale: number;
    marks: [name: string, scale: number][];
    back: number;
    ahead: number;
    /** what the network is called; the second part is what the initialisation is called */
    name: [network: string, start: string, activation: string];
    verdict: string;
    words: string;
  };
  grid: FlowGrid;
};

// ---------------------------------------------------------------- the way back cell by cell, as walk_explorer.py sends it

/** one array between two layers, and its gradient; floats in four bytes each */
interface WalkColumn {
  shape: number[];
  values: DataView;
  gradient: DataView;
}

interface WalkLayer {
  kind: "convolution" | "door" | "maximum" | "same" | "linear";
  name: string;
  weight?: DataView;
  kernel: [rows: number, columns: number];
  stride: [rows: number, columns: number];
  padding: [rows: number, columns: number];
}

interface WalkData {
  columns: WalkColumn[];
  layers: WalkLayer[];
  probabilities: number[];
  label: number;
  loss: number;
}

interface WalkAsked {
  /** the number of a digit to choose from, or null for a drawing */
  example: number | null;
  strokes: Point[][];
  label: number;
  trained: number;
}

type WalkState = {
  choices: { pixels: DataView[]; labels: number[]; pad: number };
  asked: WalkAsked;
  walk: WalkData;
};

// ---------------------------------------------------------------- pictures on a slider, as sketch.py sends them

interface SketchMark {
  kind: "line" | "dots" | "arrow" | "text" | "image";
  points: Point[];
  /** one of the roles, or "ink" or "soft" */
  role: string;
  /** or a PNG in base64 */
  text: string;
}

type SketchState = {
  sketches: {
    title: string;
    pictures: { name: string; sentence: string; marks: SketchMark[] }[];
    box: Box;
    shape: number;
    marks: SketchMark[];
    /** in a narrow place, what is right of it goes on below */
    cut: number | null;
  }[];
};
