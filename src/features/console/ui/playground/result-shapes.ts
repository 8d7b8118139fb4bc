/** The content of a REST answer by its shape: outputs by name, rows of numbers, pictures. Pure. */

/** Longer rows show only their largest values. */
const MOST_BARS = 12;
const TOP = 10;
const LEAST_SIDE = 8;
const MOST_COLUMNS = 12;
const MOST_ROWS = 50;

/** The outputs of the first row or example; the name is '' if the answer has none. */
export function namedOutputs(answer: unknown): readonly (readonly [string, unknown])[] {
  if (!isObject(answer)) return [['', answer]];
  const { predictions, outputs, results } = answer;
  if (Array.isArray(results)) return [['', results[0]]];
  const value = Array.isArray(predictions) ? predictions[0] : (outputs ?? answer);
  if (isObject(value) && !('b64' in value)) return Object.entries(value);
  return [['', value]];
}

export interface Bar {
  /** The class, or the index in the row. */
  readonly label: string;
  readonly value: number;
}

export interface BarChoice {
  readonly bars: readonly Bar[];
  readonly note: string | undefined;
}

/**
 * Undefined if the value is neither a row of numbers nor classes with scores. A batch of one counts as its row.
 * `classes`: the names of a row's numbers, if there are as many.
 */
export function topBars(value: unknown, classes: readonly string[] = []): BarChoice | undefined {
  const bars = classBars(value) ?? numberBars(value, classes);
  if (bars === undefined || bars.length <= MOST_BARS) return bars && { bars, note: undefined };
  const sorted = [...bars].sort((a, b) => b.value - a.value);
  return { bars: sorted.slice(0, TOP), note: `The ${TOP} largest of ${bars.length}.` };
}

/** Classify's [[label, score], …]. A class without a label is shown by its index. */
function classBars(value: unknown): readonly Bar[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isClass)) return undefined;
  return (value as [string, number][]).map(([label, score], index) => ({ label: label || `#${index}`, value: score }));
}

function isClass(each: unknown): boolean {
  return Array.isArray(each) && each.length === 2 && typeof each[0] === 'string' && typeof each[1] === 'number';
}

function numberBars(value: unknown, classes: readonly string[]): readonly Bar[] | undefined {
  const row = Array.isArray(value) && value.length === 1 && Array.isArray(value[0]) ? (value[0] as unknown[]) : value;
  if (!Array.isArray(row) || row.length === 0 || !row.every((each) => typeof each === 'number')) return undefined;
  const nameOf = (index: number): string => (classes.length === row.length && classes[index]) || String(index);
  return (row as number[]).map((each, index) => ({ label: nameOf(index), value: each }));
}

type Cell = string | number | boolean;

export interface Table {
  readonly rows: readonly (readonly Cell[])[];
  /** Names of the columns; empty = they have none. */
  readonly columns: readonly string[];
  readonly note: string | undefined;
}

/** Rows of as many values each, or a row of texts or truths; undefined for any other value, and for wide ones. */
export function tableOf(value: unknown, classes: readonly string[] = []): Table | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const all = (value as unknown[]).map((row) => (Array.isArray(row) ? (row as unknown[]) : [row]));
  const width = all[0]!.length;
  if (width === 0 || width > MOST_COLUMNS || !all.every((row) => row.length === width && row.every(isCell)))
    return undefined;
  const note = all.length > MOST_ROWS ? `The first ${MOST_ROWS} rows of ${all.length}.` : undefined;
  return { rows: all.slice(0, MOST_ROWS) as Cell[][], columns: classes.length === width ? classes : [], note };
}

function isCell(each: unknown): boolean {
  return typeof each === 'string' || typeof each === 'number' || typeof each === 'boolean';
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, opacity. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  /** The values of black and white. */
  readonly least: number;
  readonly most: number;
}

/** A picture if the shape is [H, W], [H, W, 1 or 3] or [1 or 3, H, W] with sides of a picture; else undefined. */
export function pictureOf(value: unknown): Picture | undefined {
  const shape = shapeOf(value);
  if (shape === undefined) return undefined;
  const data = value as number[][][] & number[][];
  const [a = 0, b = 0, c = 0] = shape;
  if (shape.length === 2 && isSide(a) && isSide(b)) return paint(a, b, (y, x) => [data[y]![x] as unknown as number]);
  if (shape.length === 3 && isSide(a) && isSide(b) && (c === 1 || c === 3)) return paint(a, b, (y, x) => data[y]![x]!);
  if (shape.length === 3 && isSide(b) && isSide(c) && (a === 1 || a === 3)) {
    return paint(b, c, (y, x) => data.map((channel) => channel[y]![x]!));
  }
  return undefined;
}

function paint(height: number, width: number, at: (y: number, x: number) => readonly number[]): Picture {
  let [least, most] = [Infinity, -Infinity];
  const colours: (readonly number[])[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = at(y, x);
      colours.push(colour);
      for (const value of colour) {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
  }
  const pixels = new Uint8ClampedArray(4 * height * width);
  for (const [i, colour] of colours.entries()) {
    for (let channel = 0; channel < 3; channel++) {
      const value = colour.length === 1 ? colour[0]! : colour[channel]!;
      pixels[4 * i + channel] = (255 * (value - least)) / (most - least || 1);
    }
    pixels[4 * i + 3] = 255;
  }
  return { width, height, pixels, least, most };
}

/** Undefined if lists differ in length, or hold anything but numbers. */
function shapeOf(value: unknown): readonly number[] | undefined {
  if (typeof value === 'number') return [];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const shapes = value.map(shapeOf);
  const [first] = shapes;
  if (first === undefined || shapes.some((shape) => shape?.join() !== first.join())) return undefined;
  return [value.length, ...first];
}

function isSide(size: number): boolean {
  return size >= LEAST_SIDE;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
