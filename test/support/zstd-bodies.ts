/** zstd frames, as libzstd made them or by hand: Node 20 cannot make any. */
import { Buffer } from 'node:buffer';

/** {"instances":[1,2]}, with its length in the header. */
export const ZSTD_BODY = 'KLUv/SATmQAAeyJpbnN0YW5jZXMiOlsxLDJdfQ==';
/** The same without its length, with a checksum. */
export const ZSTD_BODY_CHECKED = 'KLUv/QQAmQAAeyJpbnN0YW5jZXMiOlsxLDJdfbFIUPU=';
/** {"instances":[0,1,…,96,0,1,…]}, 3000 numbers, in compressed blocks: of known length, with a checksum. */
export const ZSTD_NUMBERS =
  'KLUv/WQBIV0FAJYSKBagp5oDwnXFx76zAOA9LS0tWUvrquYIJQAgAB8AI4tcOeTs2K9br059uvT26Dl+2zU9yz0CAAqHAgLDwMHBYFBACEgfbXTRRA8tdOmgc8b5ZptrpnlmmTvHnDLKJ5tcMskBc8vdO+600T7b7LLJHlvs2mFnjfXVVldN9dRSt4466QkCW1455ZNL3jzyxBE/3PDCCR9c8OKB54333XbXTXcBACfVgINfU8aC1Yc=';
/** The same, written piece by piece: of unknown length. */
export const ZSTD_NUMBERS_STREAMED =
  'KLUv/QRYTAUAdpInFpAnxRyZw6h6P+7/3KelpSWrsSczzQkkAB8AHwCyyJVDzo79uvXq1KdLb4+e47dd07PcIwBgKBAMEAQMCoSC4SAfbXTRRA8tdOmgc8b5ZptrpnlmmTvHnDLKJ5tcMskTcveOO220zza7bLLHFrt22FljfbXVVVM9tdSto04aKVteOeWTS9488sQRP9zwwgkfXPDigeeN991210333AEBACdewtGvKVUAABg3XX0BAHP2gRDGgtWH';
export const NUMBERS = JSON.stringify({ instances: Array.from({ length: 3000 }, (_, i) => i % 97) });

const MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The window of the blocks below, which most encoders use. */
const WINDOW_2_MIB = 0x58;

/** One frame with nothing in it. */
export const EMPTY_FRAME = frame([block('raw', 0, [], true)]);
/** Five bytes that a decoder passes over. */
export const SKIPPABLE_FRAME = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5]);

export function frame(blocks: readonly Buffer[], windowDescriptor = WINDOW_2_MIB): Buffer {
  return Buffer.concat([MAGIC, Buffer.from([0, windowDescriptor]), ...blocks]);
}

/** `size` is what a raw or RLE block becomes. */
export function block(type: 'raw' | 'rle', size: number, content: readonly number[], isLast: boolean): Buffer {
  const head = (size << 3) | ((type === 'rle' ? 1 : 0) << 1) | Number(isLast);
  return Buffer.from([head & 0xff, (head >> 8) & 0xff, head >> 16, ...content]);
}

/** Four bytes for each 128 KiB of spaces. */
export function zstdBomb(bytes: number): Buffer {
  const size = 128 * 1024;
  const count = Math.ceil(bytes / size);
  return frame(Array.from({ length: count }, (_, i) => block('rle', size, [0x20], i === count - 1)));
}
