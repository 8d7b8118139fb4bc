/**
 * Operations on elements of small tensors: exact on what is known, symbols for the rest. An operation's name is the same
 * wherever it gives the same result for the same operands, whatever their type.
 */
import { dividedBy, type Element, isDim, isNumber, numberOf, opaque, plus, type Size, sizeOf, times } from './size.ts';

/** Undefined = the result is not known. */
export type Operation = (...operands: readonly Element[]) => Element;

/**
 * Results beyond it are not followed: float32 rounds them, and products of them wrap as int32. The elements have one of
 * those types, or a wider one.
 */
export const MOST_FOLLOWED = 2 ** 24;

/** Whether it is known, and not too large to be followed. */
export function isFollowed(size: Element): size is Size {
  return size !== undefined && Math.abs(size.factor) <= MOST_FOLLOWED;
}

/** A result on plain numbers, and a symbol for others, which has the name: it must be the same for all types. */
export function numeric(name: string, compute: (...numbers: readonly number[]) => number): Operation {
  return (...operands) => {
    const numbers = operands.map(numberOf);
    if (!numbers.every((number) => number !== undefined)) return opaque(name, operands);
    // Larger ones were rounded when they were read.
    if (numbers.some((number) => Math.abs(number) > Number.MAX_SAFE_INTEGER)) return undefined;
    const result = compute(...numbers);
    return Number.isInteger(result) && Math.abs(result) <= MOST_FOLLOWED ? sizeOf(result) : undefined;
  };
}

function isTrue(condition: boolean): Element {
  return sizeOf(condition ? 1 : 0);
}

/** Whether a size and a negative number can never be equal, as shapes are compared with -1. */
function differ(a: Element, b: Element): boolean {
  return isNegative(a) ? b !== undefined && isDim(b) : isNegative(b) && a !== undefined && isDim(a);
}

function isNegative(size: Element): boolean {
  return isNumber(size) && size.factor < 0;
}

/** 1 where both are equal, 0 where they are not. */
export const equal: Operation = (a, b) => {
  if (differ(a, b)) return isTrue(false);
  if (a !== undefined && a.key === b?.key && isDim(a)) return isTrue(true);
  return numeric('equal', (x, y) => (x === y ? 1 : 0))(a, b);
};

/** One of two operands by a condition. */
export const where: Operation = (condition, a, b) => {
  if (isNumber(condition)) return condition.factor === 0 ? b : a;
  if (a !== undefined && a.key === b?.key) return a;
  return opaque('where', [condition, a, b]);
};

/** Integers round towards zero, floats not at all. */
export function divide(isFloat: boolean): Operation {
  return (a, b) => {
    const exact = dividedBy(a, b);
    if (exact !== undefined) return exact;
    if (isFloat) return opaque('quotient', [a, b]);
    return numeric('divide', (x, y) => (y === 0 ? Number.NaN : Math.trunc(x / y)))(a, b);
  };
}

/** Makes an integer of the element, in the way of that name; one that is an integer stays as it is. */
export function whole(name: string, compute?: (number: number) => number): Operation {
  return (a) => {
    if (a === undefined) return undefined;
    const isWhole = Number.isInteger(a.factor) && a.symbols.every((symbol) => !symbol.startsWith('i:'));
    if (isWhole) return a;
    return compute === undefined ? opaque(name, [a]) : numeric(name, compute)(a);
  };
}

/** A result that is no product is a symbol of that name; one that may be rounded, or wrap, is not known. */
function arithmetic(name: string, compute: (a: Element, b: Element) => Element): Operation {
  return (a, b) => {
    if (!isFollowed(a) || !isFollowed(b)) return undefined;
    const result = compute(a, b);
    if (result === undefined) return isNumber(a) && isNumber(b) ? undefined : opaque(name, [a, b]);
    return isFollowed(result) ? result : undefined;
  };
}

/** The product. */
export const multiply = arithmetic('times', times);
/** The sum. */
export const add = arithmetic('plus', plus);
/** The element with the other sign. */
export const negate: Operation = (a) => multiply(a, sizeOf(-1));
/** The difference. */
export const subtract: Operation = (a, b) => add(a, negate(b));

/** One of the operands, if all are equal. */
export function oneOf(name: string, compute: (...numbers: readonly number[]) => number): Operation {
  return (...operands) => {
    const [first] = operands;
    if (first !== undefined && operands.every((operand) => operand?.key === first.key)) return first;
    return numeric(name, compute)(...operands);
  };
}

/** Signs are those of the divisor, or with fmod 1 those of the dividend. */
export function remainder(fmod: number): Operation {
  return numeric(`mod ${fmod}`, (a, b) => (a >= 0 && b > 0 ? a % b : Number.NaN));
}

/** 1 where the first is less, 0 where it is not. */
export const less = numeric('less', (a, b) => (a < b ? 1 : 0));
/** 1 where the first is not more, 0 where it is. */
export const lessOrEqual = numeric('lessOrEqual', (a, b) => (a <= b ? 1 : 0));
