/**
 * A PNG or JPEG → its pixels, by pngjs and jpeg-js. A file may say that it is 65,535 pixels wide and as high, or be packed
 * so that few bytes become gigabytes: what it says is looked at before anything is decoded.
 */
import { Buffer } from 'node:buffer';
import { inflateSync } from 'node:zlib';
import { DataError } from '../data-error.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha, 8 bits each, in rows from the top. */
  readonly rgba: Uint8Array;
}

/** 64 megapixels, as many as a large camera has: 256 MiB of RGBA. */
const MAX_PIXELS = 2 ** 26;
const MEGAPIXEL = 1e6;
/** The memory that jpeg-js may have at once. */
const MAX_JPEG_MIB = 2048;
const PNG_BEGIN = '89504e470d0a1a0a';
const JPEG_BEGIN = 'ffd8ff';

/** The bytes begin as a picture of a form that is decoded here. */
export function isPicture(bytes: Buffer): boolean {
  return isPng(bytes) || bytes.subarray(0, 3).toString('hex') === JPEG_BEGIN;
}

function isPng(bytes: Buffer): boolean {
  return bytes.subarray(0, 8).toString('hex') === PNG_BEGIN;
}

/** Rejects with DataError. */
export async function decodePicture(bytes: Buffer, from: string): Promise<Picture> {
  try {
    const { width, height, data } = await (isPng(bytes) ? decodePng(bytes) : decodeJpeg(bytes));
    if (width * height === 0) throw new Error('it has no pixels');
    return { width, height, rgba: data };
  } catch (error) {
    throw new DataError(`${from} cannot be decoded: ${(error as Error).message}`);
  }
}

async function decodeJpeg(bytes: Buffer): ReturnType<typeof decodePng> {
  const { decode } = await import('jpeg-js');
  return decode(bytes, {
    useTArray: true,
    formatAsRGBA: true,
    tolerantDecoding: false,
    maxResolutionInMP: MAX_PIXELS / MEGAPIXEL,
    maxMemoryUsageInMB: MAX_JPEG_MIB,
  });
}

async function decodePng(bytes: Buffer): Promise<{ width: number; height: number; data: Uint8Array }> {
  checkPng(bytes);
  const { PNG } = await import('pngjs');
  return PNG.sync.read(bytes);
}

/** A chunk of PNG: its length, a name of four letters, the bytes, a checksum. The first is IHDR: width, height, … */
function checkPng(bytes: Buffer): void {
  const [begin, head, extra] = [8, 8, 4];
  if (bytes.length < 33 || bytes.toString('latin1', 12, 16) !== 'IHDR') throw new Error('it has no header');
  const width = bytes.readUInt32BE(16);
  const height = bytes.readUInt32BE(20);
  if (width * height > MAX_PIXELS) {
    throw new Error(`it says that it has ${width}×${height} pixels, and ${MAX_PIXELS} are the most`);
  }
  const packed: Buffer[] = [];
  for (let at = begin; at + head <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + head) === 'IDAT')
      packed.push(bytes.subarray(at + head, at + head + length));
    at += head + length + extra;
  }
  // Four samples of 16 bits a pixel, and a byte a row, of which an interlaced picture has twice as many at most.
  inflateSync(Buffer.concat(packed), { maxOutputLength: width * height * 8 + height * 16 + 1024 });
}
