/** How the one row of a model goes to a server and comes back: one file a family of protocols. */
import type { BenchModel } from '../models.ts';

/** The surfaces that a reader of the tables tells apart. */
export type Surface = 'REST' | 'REST binary' | 'gRPC';

export interface Protocol {
  readonly surface: Surface;
  path(model: BenchModel): string;
  /** The headers of HTTP/1.1; no other protocol has them. */
  headers(model: BenchModel): Readonly<Record<string, string>>;
  /** A gRPC message is not framed yet. */
  request(model: BenchModel): Uint8Array;
  /** The values of each of the model's outputs, in their order. Throws if the answer is something else. */
  read(answer: Uint8Array, model: BenchModel): readonly (readonly number[])[];
}

/** Values this far apart are the same: runtimes may add in another order for another batch. */
const TOLERANCE = 1e-4;

/** Throws unless the answer holds ONNX Runtime's own values. */
export function requireRightAnswer(protocol: Protocol, answer: Uint8Array, model: BenchModel): void {
  const values = protocol.read(answer, model);
  for (const [i, { name, values: wanted }] of model.outputs.entries()) {
    const got = values[i] ?? [];
    const isSame = got.length === wanted.length && wanted.every((value, j) => isNear(got[j]!, value));
    if (!isSame) {
      throw new Error(`${name} of ${model.name} is ${got.slice(0, 5)}…, ONNX Runtime says ${wanted.slice(0, 5)}…`);
    }
  }
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
}
