/**
 * Sequences of requests to a model with a state: stepped by the runtime alone, and by a server that keeps the state.
 */
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { type Callers, SURFACES } from '../zoo/callers.ts';
import { type Differences, differences, type RowAxes } from '../zoo/compare.ts';
import { concatenate, type RuntimeAlone, section } from '../zoo/runtime-alone.ts';

/** The state by the name of its input. */
export interface StateInput {
  /** The output that it is in the next step. */
  readonly output: string;
  /** Zeros for one row. */
  readonly zeros: Tensor;
}

export interface StatefulModel {
  readonly name: string;
  readonly state: Readonly<Record<string, StateInput>>;
  /** The axes of the rows; default dim 0. */
  readonly axes?: RowAxes;
}

/** The inputs of each step, without the state. */
export type Stream = readonly TensorMap[];

/** The answer that a client gets of each step: all outputs but the next state. */
export type Answers = readonly TensorMap[];

/**
 * The answers to each stream, whose steps the runtime computes as one batch: step i of all of them, then i + 1. They
 * are alike but for their rows; of one row each.
 */
export async function stepAlone(
  runtime: RuntimeAlone,
  { state, axes = {} }: StatefulModel,
  streams: readonly Stream[],
): Promise<readonly Answers[]> {
  const names = Object.keys(state);
  const states = new Set(names.map((name) => state[name]!.output));
  const before = streams.map(() => new Map(names.map((name) => [name, state[name]!.zeros])));
  const answers: TensorMap[][] = streams.map(() => []);
  for (let i = 0; i < streams[0]!.length; i++) {
    const inputs = streams.map((stream, at) => new Map([...stream[i]!, ...before[at]!]));
    const given = await runtime.run(inRows(inputs, axes));
    for (const [at, own] of answers.entries()) {
      const mine = new Map([...given].map(([name, tensor]) => [name, rowOf(tensor, axes[name] ?? 0, at)]));
      own.push(new Map([...mine].filter(([name]) => !states.has(name))));
      for (const name of names) before[at]!.set(name, mine.get(state[name]!.output)!);
    }
  }
  return answers;
}

function inRows(inputs: readonly TensorMap[], axes: RowAxes): TensorMap {
  const [first] = inputs as readonly [TensorMap];
  return new Map(
    [...first].map(([name, tensor]) => {
      const axis = axes[name] ?? 0;
      const all = inputs.map((each) => each.get(name)!);
      return [name, axis === 'same' || all.length === 1 ? tensor : concatenate(all, axis)];
    }),
  );
}

function rowOf(tensor: Tensor, axis: number | 'same', at: number): Tensor {
  return axis === 'same' || tensor.shape[axis] === 1 ? tensor : section(tensor, axis, at, 1);
}

/** All streams at once as sequences of the server's, half of them on each surface. `expected` names the answers. */
export async function stepServed(
  callers: Callers,
  { name }: StatefulModel,
  streams: readonly Stream[],
  expected: readonly Answers[],
): Promise<readonly Answers[]> {
  const walk = async (stream: Stream, at: number): Promise<Answers> => {
    const answers: TensorMap[] = [];
    for (const [i, inputs] of stream.entries()) {
      const words = [i === 0 && 'start', i === stream.length - 1 && 'end'].filter((word) => word !== false);
      const step = { id: `stream-${at}`, words: words.join(', ') };
      const question = { inputs, expected: expected[at]![i]! };
      answers.push(await callers.call(SURFACES[at % SURFACES.length]!, name, question, step));
    }
    return answers;
  };
  return Promise.all(streams.map(walk));
}

export interface Comparison {
  readonly steps: number;
  /** Steps whose answers are equal bit for bit. */
  readonly equal: number;
  /** The largest difference; Infinity where no number tells it. */
  readonly largest: number;
}

export function compare(expected: readonly Answers[], actual: readonly Answers[]): Comparison {
  const found: readonly Differences[] = expected.flatMap((answers, at) =>
    answers.map((answer, i) => differences(answer, actual[at]![i]!)),
  );
  return {
    steps: found.length,
    equal: found.filter(({ size }) => size === 0).length,
    largest: Math.max(0, ...found.flatMap((each) => [...each.values()])),
  };
}
