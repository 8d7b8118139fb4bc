/** A picture as an input takes it: layouts, values, sizes, and files that mean no good. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import type { DType } from '../../../src/core/dtype.ts';
import { DataError } from '../../../src/features/predict/data-error.ts';
import { UNSAID } from '../../../src/features/predict/picture/options.ts';
import { layoutOf, pictureJson } from '../../../src/features/predict/picture/picture-tensor.ts';

/** 8 by 8: [200,100,50] on the left, [10,20,30] on the right; made by Pillow. */
const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAIAAgDAREAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwD5n/bA/wCZS/7e/wD2jXyHCf8Ay/8A+3f/AG4/QONv+Yf/ALf/APbT/9k=',
  'base64',
);

/** A PNG of 8-bit RGB by hand. `rows`: the pixels, three numbers each. */
function png(
  rows: readonly (readonly number[])[],
  {
    width = rows[0]!.length / 3,
    height = rows.length,
    packed = deflateSync(Buffer.concat(rows.map((row) => Buffer.from([0, ...row])))),
    interlaced = 0,
  } = {},
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, interlaced], 8);
  const begin = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([begin, chunk('IHDR', head), chunk('IDAT', packed), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(name: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, sum]);
}

/** CRC-32 of PNG (its specification, annex D). */
function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let i = 0; i < 8; i++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

const PIXELS = [
  [0, 51, 255, 255, 0, 0],
  [0, 0, 0, 102, 102, 102],
];

async function arrayOf(
  bytes: Buffer,
  dtype: DType,
  shape: readonly number[],
  options: { readonly [name: string]: string } = {},
): Promise<unknown> {
  const spec = { dtype, shape, tensorName: 'x' };
  const given = { pixels: UNSAID, resize: 'no', channels: 'rgb', ...options };
  return JSON.parse(await pictureJson({ bytes, from: 'p.png' }, ['x', spec], given));
}

describe('a picture', () => {
  it('is rows, columns and samples in the order that the shape has', async () => {
    const file = png(PIXELS);
    assert.deepEqual(await arrayOf(file, 'uint8', [-1, -1, -1, 3]), [
      [
        [
          [0, 51, 255],
          [255, 0, 0],
        ],
        [
          [0, 0, 0],
          [102, 102, 102],
        ],
      ],
    ]);
    assert.deepEqual(await arrayOf(file, 'uint8', [-1, 3, 2, 2]), [
      [
        [
          [0, 255],
          [0, 102],
        ],
        [
          [51, 0],
          [0, 102],
        ],
        [
          [255, 0],
          [0, 102],
        ],
      ],
    ]);
    assert.deepEqual(await arrayOf(file, 'int32', [-1, 2, 2]), [
      [
        [59, 76],
        [0, 102],
      ],
    ]);
    assert.deepEqual(await arrayOf(file, 'uint8', [2, 2, 4]), [
      [
        [0, 51, 255, 255],
        [255, 0, 0, 255],
      ],
      [
        [0, 0, 0, 255],
        [102, 102, 102, 255],
      ],
    ]);
    assert.deepEqual(await arrayOf(file, 'uint8', [1, 2, 2, 3], { channels: 'bgr' }), [
      [
        [
          [255, 51, 0],
          [0, 0, 255],
        ],
        [
          [0, 0, 0],
          [102, 102, 102],
        ],
      ],
    ]);
  });

  it('has the values that are said, and none where they are not', async () => {
    const file = png([[0, 51, 255]]);
    const values = async (pixels: string) =>
      ((await arrayOf(file, 'float32', [-1, -1, -1, 3], { pixels })) as number[][][][])[0]![0]![0];
    assert.deepEqual(await values('0..255'), [0, 51, 255]);
    assert.deepEqual(await values('0..1'), [0, 0.2, 1]);
    assert.deepEqual(await values('-1..1'), [-1, -0.6, 1]);
    assert.deepEqual(await values('imagenet'), [-2.11790393, -1.14285714, 2.64]);
    await assert.rejects(values(UNSAID), /say by --pixels which values its samples have/);
    await assert.rejects(arrayOf(file, 'uint8', [-1, -1, -1, 3], { pixels: '0..1' }), /--pixels is for floats/);
    await assert.rejects(
      arrayOf(file, 'float32', [-1, -1, -1, 1], { pixels: 'imagenet' }),
      /imagenet is for three samples/,
    );
  });

  it('has the size of the input, is resized when asked, and refused when not', async () => {
    const row = (...greys: readonly number[]) => greys.flatMap((grey) => [grey, grey, grey]);
    const file = png([row(0, 100, 200, 40), row(0, 100, 200, 40)]);
    await assert.rejects(
      arrayOf(file, 'uint8', [-1, 2, 2]),
      /p\.png is 4 wide and 2 high, but input "x" takes uint8 \[\?,2,2\]; give --resize=stretch/,
    );
    // Pillow's numbers.
    assert.deepEqual(await arrayOf(file, 'uint8', [-1, 2, 2], { resize: 'stretch' }), [
      [
        [71, 117],
        [71, 117],
      ],
    ]);
    assert.deepEqual(await arrayOf(file, 'uint8', [-1, 2, 2], { resize: 'crop' }), [
      [
        [100, 200],
        [100, 200],
      ],
    ]);
    assert.deepEqual(await arrayOf(png([row(0, 90), row(0, 90)]), 'uint8', [-1, 2, 5], { resize: 'stretch' }), [
      [
        [0, 9, 45, 81, 90],
        [0, 9, 45, 81, 90],
      ],
    ]);
  });

  it('of JPEG has the colours that libjpeg gives', async () => {
    const [rows] = (await arrayOf(JPEG, 'uint8', [-1, 8, 8, 3])) as number[][][][];
    for (const [x, want] of [
      [0, [200, 100, 50]],
      [7, [10, 20, 30]],
    ] as const)
      for (const [i, value] of rows![0]![x]!.entries()) assert.ok(Math.abs(value - want[i]!) <= 6, `${rows![0]![x]}`);
  });

  it('is not made of what is no picture’s shape', () => {
    for (const shape of [undefined, [-1, 64], [-1, 3, 24, 3], [2, 24, 24, 3], [-1, 24, 24, 2], [-1, 1, 2, 3, 4], []])
      assert.equal(layoutOf(shape), undefined, String(shape));
  });

  it('that lies about its size, or is broken, is refused before it takes memory', async () => {
    const bomb = png([[0, 0, 0]], { width: 65_535, height: 65_535 });
    const packed = deflateSync(Buffer.alloc(2 ** 26));
    const wide = Buffer.from(JPEG);
    wide.fill(0xff, wide.indexOf(Buffer.from('ffc0', 'hex')) + 5, wide.indexOf(Buffer.from('ffc0', 'hex')) + 9);
    for (const [bytes, text] of [
      [bomb, /65535×65535 pixels/],
      [png([[0, 0, 0]], { packed }), /cannot be decoded/],
      [png([[0, 0, 0]], { packed, interlaced: 1 }), /cannot be decoded/],
      [png([[0, 0, 0]], { width: 0 }), /cannot be decoded/],
      [bomb.subarray(0, 20), /it has no header/],
      [png(PIXELS).subarray(0, 45), /cannot be decoded/],
      [JPEG.subarray(0, 300), /cannot be decoded/],
      [wide, /maxResolutionInMP/],
    ] as const) {
      await assert.rejects(
        arrayOf(bytes, 'uint8', [-1, -1, -1, 3]),
        (error) => error instanceof DataError && text.test(error.message),
      );
    }
  });
});
