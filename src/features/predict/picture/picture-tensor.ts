/**
 * A picture → the JSON of an input, one row:
 *
 *   [?,224,224,3]   rows, columns, samples        [?,3,224,224]   samples, rows, columns
 *   [?,28,28]       rows and columns of grey      without ? as well
 *
 * Grey is Rec. 601's luma, as Pillow's "L". Alpha is left out unless the input has four samples. What Exif says of how the
 * camera was held is not looked at, nor are colour profiles.
 */
import type { Buffer } from 'node:buffer';
import type { ServedTensor } from '../../../cli/served-inputs.ts';
import { formatShape } from '../../../core/shape.ts';
import { DataError } from '../data-error.ts';
import { decodePicture, type Picture } from './decode-picture.ts';
import { type PictureOptions, UNSAID } from './options.ts';
import { cropToProportions, resizePicture } from './resize-picture.ts';

/** The dims of a picture in a shape. Sizes: -1 = the picture's. */
interface Layout {
  readonly height: number;
  readonly width: number;
  readonly samples: number;
  /** Samples stand before rows and columns. */
  readonly isPlanar: boolean;
  /** The shape has a dim for samples. */
  readonly hasSamples: boolean;
  /** Dims of size 1 before all, such as that of rows of a request. */
  readonly outer: number;
}

const SAMPLE_COUNTS = [1, 3, 4];
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
/** Values have as many digits as a float32. */
const DIGITS = 9;

/** Rejects with DataError. */
export async function pictureJson(
  { bytes, from }: { readonly bytes: Buffer; readonly from: string },
  [name, spec]: readonly [name: string, spec: ServedTensor],
  options: PictureOptions,
): Promise<string> {
  const layout = layoutOf(spec.shape);
  const takes = `input ${JSON.stringify(name)} takes ${spec.dtype} ${formatShape(spec.shape)}`;
  if (layout === undefined || spec.dtype === 'bool') {
    throw new DataError(`${from} is a picture, but ${takes}; save the array that it takes by numpy.save("x.npy", x)`);
  }
  const sampleValue = valuesOf(spec, layout, options, takes);
  const picture = fitted(await decodePicture(bytes, from), layout, options, { from, takes });
  return arrayText(picture, layout, sampleValue, options.channels === 'bgr');
}

/** Undefined = it is no picture's. */
export function layoutOf(shape: readonly number[] | undefined): Layout | undefined {
  if (shape === undefined) return undefined;
  const hasRows = shape.length === 4 || (shape.length === 3 && !shape.some((size) => SAMPLE_COUNTS.includes(size)));
  if (hasRows && shape[0] !== -1 && shape[0] !== 1) return undefined;
  const outer = hasRows ? 1 : 0;
  const [a, b, c] = shape.slice(outer);
  if (a === undefined || b === undefined) return undefined;
  if (c === undefined)
    return hasRows ? { height: a, width: b, samples: 1, isPlanar: false, hasSamples: false, outer } : undefined;
  const isLast = SAMPLE_COUNTS.includes(c);
  // [?,3,224,3] may be either.
  if (isLast === SAMPLE_COUNTS.includes(a)) return undefined;
  if (isLast) return { height: a, width: b, samples: c, isPlanar: false, hasSamples: true, outer };
  return { height: b, width: c, samples: a, isPlanar: true, hasSamples: true, outer };
}

/** A sample of 0 to 255 and its place in the pixel → its value. Throws DataError where nobody has said what that is. */
function valuesOf(
  { dtype }: ServedTensor,
  { samples }: Layout,
  { pixels }: PictureOptions,
  takes: string,
): (sample: number, place: number) => number {
  if (!dtype.includes('float')) {
    if ((pixels === UNSAID || pixels === '0..255') && dtype !== 'int8') return (sample) => sample;
    throw new DataError(`${takes}, and a picture’s samples are 0 to 255; --pixels is for floats`);
  }
  if (pixels === '0..255') return (sample) => sample;
  if (pixels === '0..1') return (sample) => sample / 255;
  if (pixels === '-1..1') return (sample) => sample / 127.5 - 1;
  if (pixels === 'imagenet' && samples === 3)
    return (sample, place) => (sample / 255 - MEAN[place]!) / DEVIATION[place]!;
  const wants =
    pixels === UNSAID ? 'say by --pixels which values its samples have: ' : '--pixels=imagenet is for three samples; ';
  throw new DataError(
    `${takes}; ${wants}0..255, 0..1, -1..1${pixels === UNSAID ? ' or imagenet' : ''}, as it was trained`,
  );
}

function fitted(
  picture: Picture,
  layout: Layout,
  { resize }: PictureOptions,
  { from, takes }: { readonly from: string; readonly takes: string },
): Picture {
  const size = {
    width: layout.width === -1 ? picture.width : layout.width,
    height: layout.height === -1 ? picture.height : layout.height,
  };
  if (size.width === picture.width && size.height === picture.height) return picture;
  if (resize === 'no') {
    throw new DataError(
      `${from} is ${picture.width} wide and ${picture.height} high, but ${takes}; ` +
        'give --resize=stretch, or --resize=crop for its middle, or a picture of that size',
    );
  }
  return resizePicture(resize === 'crop' ? cropToProportions(picture, size) : picture, size);
}

function arrayText(
  { width, height, rgba }: Picture,
  { samples, isPlanar, hasSamples, outer }: Layout,
  sampleValue: (sample: number, place: number) => number,
  isReversed: boolean,
): string {
  const at = (y: number, x: number, sample: number): string => {
    const place = isReversed && samples >= 3 && sample < 3 ? 2 - sample : sample;
    const pixel = (y * width + x) * 4;
    const raw = samples === 1 ? luma(rgba, pixel) : rgba[pixel + place]!;
    return String(Number(sampleValue(raw, place).toPrecision(DIGITS)));
  };
  const pixelText = (y: number, x: number): string =>
    hasSamples ? list(samples, (sample) => at(y, x, sample)) : at(y, x, 0);
  const rows = isPlanar
    ? list(samples, (sample) => list(height, (y) => list(width, (x) => at(y, x, sample))))
    : list(height, (y) => list(width, (x) => pixelText(y, x)));
  return `${'['.repeat(outer)}${rows}${']'.repeat(outer)}`;
}

/** Rounds as Pillow does. */
function luma(rgba: Uint8Array, pixel: number): number {
  return (rgba[pixel]! * 19_595 + rgba[pixel + 1]! * 38_470 + rgba[pixel + 2]! * 7471 + 0x80_00) >> 16;
}

function list(count: number, textOf: (i: number) => string): string {
  return `[${Array.from({ length: count }, (_, i) => textOf(i)).join(',')}]`;
}
