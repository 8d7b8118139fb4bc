import type { Buffer } from 'node:buffer';
import type { PlainHead, PlainRequestReader } from '../../src/proxy/http1/plain-request.ts';

interface PlainRequest<R> {
  readonly head: PlainHead<R>;
  readonly body: Buffer;
  /** The index at which the next request begins. */
  readonly end: number;
}

/** The whole request that `bytes` begin with; undefined if the reader does not take it, or its body is not whole. */
export function wholeRequest<R>(reader: PlainRequestReader<R>, bytes: Buffer): PlainRequest<R> | undefined {
  const head = reader.read(bytes);
  if (head === undefined) return undefined;
  const start = head.bytes.length;
  const end = start + head.contentLength;
  return end > bytes.length ? undefined : { head, body: bytes.subarray(start, end), end };
}
