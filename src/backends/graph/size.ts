/**
 * Sizes of dims, and integers computed from them, as far as a graph tells without running it: a number times symbols,
 * e.g. 12·B·T. `B` is the number of rows of the batch. Every other symbol stands for a number that is unknown but the
 * same whoever shares the run, since only requests of equal dims beside the batch axis do.
 *
 * Two sizes with one key are equal whenever the graph runs. Sizes with other keys may still be equal.
 */
export interface Size {
  readonly factor: number;
  /** Sorted; a symbol may occur several times. */
  readonly symbols: readonly string[];
  readonly key: string;
}

/** An element of an integer tensor. Undefined = unknown, and may differ with the number of rows. */
export type Element = Size | undefined;

/** The symbol of the number of rows. */
const ROWS = 'B';
/** Products beyond it are not followed. */
const MOST_SYMBOLS = 32;

export const ONE = sizeOf(1);
export const BATCH = sizeOf(1, [ROWS]);

/** `factor` times the symbols. */
export function sizeOf(factor: number, symbols: readonly string[] = []): Size {
  const kept = factor === 0 ? [] : [...symbols].sort();
  return { factor, symbols: kept, key: [factor, ...kept].join('·') };
}

/** A symbol for the size of a dim: not negative. */
export function dimSymbol(name: string): Size {
  return sizeOf(1, [`d:${name}`]);
}

/** A symbol for any integer. */
export function integerSymbol(name: string): Size {
  return sizeOf(1, [`i:${name}`]);
}

export function isNumber(size: Element): size is Size {
  return size !== undefined && size.symbols.length === 0;
}

/** Its value, if it is a number. */
export function numberOf(size: Element): number | undefined {
  return isNumber(size) ? size.factor : undefined;
}

/** False for undefined: that may be any number. */
export function isFreeOfRows(size: Element): size is Size {
  return size !== undefined && !size.symbols.includes(ROWS);
}

/** Whether it can only be the size of a dim: a number or symbol that is not negative. */
export function isDim(size: Size): boolean {
  return size.factor >= 0 && size.symbols.every((symbol) => symbol === ROWS || symbol.startsWith('d:'));
}

export function isSameSize(a: Element, b: Element): boolean {
  return a !== undefined && b !== undefined && a.key === b.key;
}

/** Undefined if it has too many factors or is too large to be exact. */
export function times(a: Element, b: Element): Element {
  if (a === undefined || b === undefined || a.symbols.length + b.symbols.length > MOST_SYMBOLS) return undefined;
  return exact(a.factor * b.factor, [...a.symbols, ...b.symbols]);
}

export function productOf(sizes: readonly Element[]): Element {
  return sizes.reduce(times, ONE);
}

/** `a / b` if `b` divides `a` whatever the symbols stand for; undefined if that is not sure. */
export function dividedBy(a: Element, b: Element): Element {
  if (a === undefined || b === undefined || b.factor === 0 || !Number.isInteger(a.factor / b.factor)) return undefined;
  const rest = [...a.symbols];
  for (const symbol of b.symbols) {
    const at = rest.indexOf(symbol);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return sizeOf(a.factor / b.factor, rest);
}

/**
 * The result of an operation on integers that has no product form: a symbol named by the operation, or undefined if an
 * operand may depend on the number of rows. An operation of the same name must give the same for the same operands.
 */
export function opaque(operation: string, operands: readonly Element[]): Element {
  const isFree = operands.every(isFreeOfRows);
  const name = `${operation}(${operands.map((operand) => operand?.key).join(',')})`;
  // A long chain would double its name at each step.
  return isFree && name.length < 400 ? integerSymbol(name) : undefined;
}

/** Undefined if it depends on the number of rows in another way than as a product. */
export function plus(a: Element, b: Element): Element {
  if (a === undefined || b === undefined) return undefined;
  if (a.factor === 0) return b;
  if (b.factor === 0) return a;
  if (hasSameSymbols(a, b)) return exact(a.factor + b.factor, a.symbols);
  const sum = opaque('plus', a.key < b.key ? [a, b] : [b, a]);
  return sum !== undefined && isDim(a) && isDim(b) ? asDimSymbol(sum) : sum;
}

/**
 * The size of a dim that an opaque size tells. Its name is that of the one symbol: with the factor in front it would
 * read like a product of two.
 */
export function asDimSymbol(size: Size): Size {
  return dimSymbol(size.symbols.join());
}

function hasSameSymbols(a: Size, b: Size): boolean {
  return a.symbols.length === b.symbols.length && a.symbols.every((symbol, i) => symbol === b.symbols[i]);
}

function exact(factor: number, symbols: readonly string[]): Element {
  return Number.isSafeInteger(factor) ? sizeOf(factor, symbols) : undefined;
}
