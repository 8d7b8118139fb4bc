/**
 * The HTTP/2 stream under a call of @grpc/grpc-js, and how the call decompresses its messages. Both are private to
 * grpc-js, which neither counts the bytes of a message that still arrives nor ends a stream that goes on sending.
 *
 * If the fields are not found (another version), a call is counted when its message is whole, and grpc-js decompresses
 * as it does.
 */
import type { Buffer } from 'node:buffer';
import type { ServerHttp2Stream } from 'node:http2';

/** Takes a message with its five bytes in front. */
export type DecompressMessage = (message: Buffer, encoding: string) => Promise<Buffer> | Buffer;

interface PrivateCall {
  readonly stream?: ServerHttp2Stream;
  decompressMessage?: DecompressMessage;
}

/** The stream that the call reads; undefined if it is not found. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  const { stream } = call as PrivateCall;
  return typeof stream?.on === 'function' && typeof stream.close === 'function' ? stream : undefined;
}

/** Returns whether the call will use `decompress`. */
export function replaceDecompression(call: object, decompress: DecompressMessage): boolean {
  const own = call as PrivateCall;
  if (typeof own.decompressMessage !== 'function') return false;
  own.decompressMessage = decompress;
  return true;
}
