/** Outcomes as bytes, from one process to another: count, then the three columns. */
import { Buffer } from 'node:buffer';
import type { Outcomes } from './outcomes.ts';

export function encodeOutcomes({ kind, sentAt, endedAt }: Outcomes): Buffer {
  const bytes = (array: Uint8Array | Float64Array): Buffer =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return Buffer.concat([bytes(Float64Array.of(kind.length)), bytes(sentAt), bytes(endedAt), bytes(kind)]);
}

export function decodeOutcomes(encoded: Uint8Array): Outcomes {
  // A copy, so that the doubles lie where doubles may.
  const { buffer } = new Uint8Array(encoded);
  const count = new Float64Array(buffer, 0, 1)[0]!;
  const wanted = 8 + count * 17;
  if (buffer.byteLength !== wanted)
    throw new Error(`outcomes take ${buffer.byteLength} bytes, but ${count} of them take ${wanted}`);
  return {
    sentAt: new Float64Array(buffer, 8, count),
    endedAt: new Float64Array(buffer, 8 + 8 * count, count),
    kind: new Uint8Array(buffer, 8 + 16 * count, count),
  };
}
