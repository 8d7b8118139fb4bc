/** Rows of tokens, and what the runtime alone answers to them: the truth that a sidecar's answers are compared with. */
import * as ort from 'onnxruntime-node';
import { type GraphModel, graphModel } from '../../../support/onnx-graph.ts';

export interface SequenceRow {
  readonly ids: readonly number[];
  /** 1 = the token counts. As long as the ids. */
  readonly mask: readonly number[];
}

/** The numbers of each output of a batch of one, in order. */
export type Answer = Readonly<Record<string, readonly number[]>>;

/** All of the row counts, its first half, or one position. */
export const MASKS = ['whole', 'half', 'one'] as const;

/** Ids are never 0, which is the padding. */
export function sequenceRow(length: number, mask: (typeof MASKS)[number], seed: number): SequenceRow {
  const only = (seed * 13) % length;
  const counts = (i: number): boolean => mask === 'whole' || (mask === 'half' ? i < Math.ceil(length / 2) : i === only);
  return {
    ids: Array.from({ length }, (_, i) => 1 + ((seed * 31 + i * 7 + ((i * seed) % 11)) % 49)),
    mask: Array.from({ length }, (_, i) => Number(counts(i))),
  };
}

/** The row, and zeros up to the length. */
export function padded({ ids, mask }: SequenceRow, length: number): SequenceRow {
  const zeros = new Array<number>(length - ids.length).fill(0);
  return { ids: [...ids, ...zeros], mask: [...mask, ...zeros] };
}

export class SequenceSession {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async open(graph: GraphModel): Promise<SequenceSession> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
    return new SequenceSession(await ort.InferenceSession.create(graphModel(graph), options));
  }

  /** A batch of one. A mask is left out where the graph has none. */
  async run({ ids, mask }: SequenceRow): Promise<Answer> {
    const given = { input_ids: ids, attention_mask: mask };
    const feeds = Object.fromEntries(
      Object.entries(given)
        .filter(([name]) => this.#session.inputNames.includes(name))
        .map(([name, values]) => [
          name,
          new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]),
        ]),
    );
    const outputs = await this.#session.run(feeds);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, Array.from(tensor.data as Float32Array)]),
    );
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** The largest difference of a number, as a share of the output's largest; Infinity where one is no number, or missing. */
export function relativeError(wanted: Answer, found: Answer): number {
  let most = 0;
  for (const [name, numbers] of Object.entries(wanted)) {
    const other = found[name];
    if (other?.length !== numbers.length) return Infinity;
    const largest = numbers.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
    for (const [i, value] of numbers.entries()) {
      const error = Math.abs(value - other[i]!) / largest;
      if (value !== other[i]) most = Math.max(most, error >= 0 ? error : Infinity);
    }
  }
  return most;
}

/** The answer to a padded row without what belongs to its padding; `own` is the row's length, `length` the run's. */
export function cutBack({ last_hidden_state: hidden, ...others }: Answer, own: number, length: number): Answer {
  return { last_hidden_state: hidden!.slice(0, (hidden!.length / length) * own), ...others };
}
