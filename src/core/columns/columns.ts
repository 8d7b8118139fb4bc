/**
 * The columns of an input [rows, columns], as the training of the model had them: names, and of a column of categories
 * the values whose codes the model takes.
 */

/** A category as data has it: "Oslo", 10, true. */
export type Category = string | number | boolean;

export interface Column {
  readonly name: string;
  /** The categories by code: the model takes the place of a category in the list. Absent = the column holds numbers. */
  readonly categories?: readonly Category[];
  /** Why the column is taken as numbers alone though it may hold categories, and the fix, as a clause for people. */
  readonly whyCodes?: string;
}

export interface Columns {
  /** The columns in the model's order; no two have the same name. */
  readonly list: readonly Column[];
  /** A category that the training did not have is an error, or a missing value (NaN). */
  readonly unknownCategory: 'error' | 'missing';
}

/** The code of a value among categories; undefined = it is none of them. Booleans, numbers and texts are never equal. */
export class CategoryCodes {
  /** A number is a category, or a code. False: it could be meant as either, for texts read like numbers: "10", "20". */
  readonly takesNumbers: boolean;
  /** Some categories are numbers. */
  readonly #haveNumbers: boolean;
  readonly #codes: ReadonlyMap<Category, number>;

  constructor(categories: readonly Category[]) {
    this.#codes = new Map(categories.map((category, code) => [category, code]));
    this.#haveNumbers = categories.some((category) => typeof category === 'number');
    this.takesNumbers = this.#haveNumbers || !categories.some(readsAsNumber);
  }

  of(value: Category): number | undefined {
    if (typeof value !== 'number' || this.#haveNumbers) return this.#codes.get(value);
    const isCode = this.takesNumbers && Number.isInteger(value) && value >= 0 && value < this.#codes.size;
    return isCode ? value : undefined;
  }

  /** The categories in the order of their codes. */
  [Symbol.iterator](): IterableIterator<Category> {
    return this.#codes.keys();
  }
}

/** The category reads like a number that is not its code; a boolean is read as 0 or 1. */
function readsAsNumber(category: Category, code: number): boolean {
  if (typeof category === 'boolean') return Number(category) !== code;
  return typeof category === 'string' && category.trim() !== '' && Number.isFinite(Number(category));
}

/** Columns by name, for whoever reads rows. */
export class ColumnIndex {
  readonly columns: Columns;
  readonly #places = new Map<string, number>();
  readonly #codes: readonly (CategoryCodes | undefined)[];

  constructor(columns: Columns) {
    this.columns = columns;
    for (const [place, { name }] of columns.list.entries()) this.#places.set(name, place);
    this.#codes = columns.list.map(({ categories }) => categories && new CategoryCodes(categories));
  }

  /** LightGBM writes "_" for each white space of a name, so that name is looked for as well. */
  placeOf(name: string): number | undefined {
    return this.#places.get(name) ?? this.#places.get(name.replaceAll(/\s/g, '_'));
  }

  /** Undefined = the column has no categories. */
  codesOf(place: number): CategoryCodes | undefined {
    return this.#codes[place];
  }
}

const INDEXES = new WeakMap<Columns, ColumnIndex>();

/** The index of columns, made once. */
export function columnIndex(columns: Columns): ColumnIndex {
  const known = INDEXES.get(columns);
  if (known !== undefined) return known;
  const made = new ColumnIndex(columns);
  INDEXES.set(columns, made);
  return made;
}
