/**
 * Levels that say what a value's size and elements depend on, as work-bounds.ts follows them. The levels rise only:
 *
 *     constant ─▶ shapes ─▶ input_size ─▶ values        Shape(x) turns the level of a size into that of elements;
 *                                                       Range(0, n) that of elements into that of a size
 */
import type { NodeProto, TensorProto } from '../../graph/graph-proto.ts';

export const CONSTANT = 0;
export const SHAPES = 1;
export const INPUT_SIZE = 2;
export const VALUES = 3;
export type Level = 0 | 1 | 2 | 3;

/** `elements` is never less than `size`. */
export interface Depends {
  readonly size: Level;
  readonly elements: Level;
  /** The value of a constant that is one number. */
  readonly number?: number | undefined;
  /** Its elements are floats. Absent = they may be integers. */
  readonly isFloat?: boolean | undefined;
}

/** Undefined = left out. */
export type Inputs = readonly (Depends | undefined)[];

export const ANY: Depends = { size: VALUES, elements: VALUES };
/** An input of the model. */
export const INPUT: Depends = { size: SHAPES, elements: VALUES };
export const ROUND_NUMBER: Depends = { size: CONSTANT, elements: SHAPES };

/** A loop that may make more rounds has no bound that helps: they take seconds. */
const MOST_ROUNDS = 100_000;

/** How often a loop goes round: `most` = its bound, `goesOn` = the level of the condition that ends it. */
export function roundsOf(most: Depends | undefined, goesOn: Level): Level {
  const isLong = most === undefined || (most.elements === CONSTANT && !((most.number ?? Infinity) <= MOST_ROUNDS));
  // Nothing but the bound ends it.
  if (goesOn === CONSTANT) return isLong ? VALUES : higher(SHAPES, most.elements);
  if (goesOn === SHAPES) return higher(SHAPES, most?.elements ?? SHAPES);
  return isLong ? VALUES : higher(INPUT_SIZE, most.elements);
}

/** A loop's values change from round to round, so none is a constant. */
export function carried({ size, elements, isFloat }: Depends): Depends {
  return { size, elements: higher(elements, SHAPES), isFloat };
}

export function constantOf(node: NodeProto): Depends {
  const [attribute] = node.attributes.values();
  const elements = attribute?.name === 'value_int' ? [attribute.int] : attribute?.tensor?.elements;
  return constant(attribute?.reference === '' ? elements : undefined);
}

export function constant(elements: TensorProto['elements']): Depends {
  return { size: CONSTANT, elements: CONSTANT, number: elements?.length === 1 ? elements[0] : undefined };
}

export function joined(values: Inputs): Depends {
  const present = values.filter((value) => value !== undefined);
  const levels = depends(
    higher(...present.map(({ size }) => size)),
    higher(...present.map(({ elements }) => elements)),
  );
  return { ...levels, isFloat: present.every(({ isFloat }) => isFloat) };
}

export function depends(size: Level, elements: Level): Depends {
  return { size, elements: higher(size, elements) };
}

/** Returns the highest level of the elements of the inputs at those positions. */
export function levelOf(positions: readonly number[] | undefined, inputs: Inputs): Level {
  return higher(...(positions ?? []).map((i) => inputs[i]?.elements ?? CONSTANT));
}

/** The level of a choice among what is there already. */
export function within(level: Level): Level {
  return level === VALUES ? INPUT_SIZE : level;
}

export function higher(...levels: readonly Level[]): Level {
  return Math.max(CONSTANT, ...levels) as Level;
}
