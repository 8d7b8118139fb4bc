/**
 * A picture in another size, as Pillow's `resize(…, Image.Resampling.BILINEAR)` makes it: a triangle filter, which is as
 * wide as the pixels of the smaller picture, first along rows, then along columns.
 */
import type { Picture } from './decode-picture.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

const SAMPLES = 4;

/** The largest part of the picture's middle that has the proportions of `size`. */
export function cropToProportions(picture: Picture, size: Size): Picture {
  const { width, height, rgba } = picture;
  const scale = Math.min(width / size.width, height / size.height);
  const cropped = {
    width: Math.min(width, Math.max(1, Math.round(size.width * scale))),
    height: Math.min(height, Math.max(1, Math.round(size.height * scale))),
  };
  const left = Math.floor((width - cropped.width) / 2);
  const top = Math.floor((height - cropped.height) / 2);
  const part = new Uint8Array(cropped.width * cropped.height * SAMPLES);
  for (let y = 0; y < cropped.height; y++) {
    const from = ((top + y) * width + left) * SAMPLES;
    part.set(rgba.subarray(from, from + cropped.width * SAMPLES), y * cropped.width * SAMPLES);
  }
  return { ...cropped, rgba: part };
}

export function resizePicture(picture: Picture, { width, height }: Size): Picture {
  const wide = resample(picture.rgba, { lines: picture.height, from: picture.width, to: width, isAcross: true });
  const rgba = resample(wide, { lines: width, from: picture.height, to: height, isAcross: false });
  return { width, height, rgba };
}

interface Resampling {
  /** How many rows, or columns, are resampled. */
  readonly lines: number;
  /** Pixels of a line before, and after. */
  readonly from: number;
  readonly to: number;
  /** Rows are; else columns. */
  readonly isAcross: boolean;
}

function resample(pixels: Uint8Array, { lines, from, to, isAcross }: Resampling): Uint8Array {
  const out = new Uint8Array(lines * to * SAMPLES);
  const at = (line: number, i: number, count: number): number =>
    (isAcross ? line * count + i : i * lines + line) * SAMPLES;
  for (let i = 0; i < to; i++) {
    const { first, weights } = weightsOf(i, from, to);
    for (let line = 0; line < lines; line++) {
      const target = at(line, i, to);
      for (let sample = 0; sample < SAMPLES; sample++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k]! * pixels[at(line, first + k, from) + sample]!;
        out[target + sample] = Math.round(sum);
      }
    }
  }
  return out;
}

/** The pixels of a line of which pixel `i` is made, and their weights, which sum up to 1. */
function weightsOf(
  i: number,
  from: number,
  to: number,
): { readonly first: number; readonly weights: readonly number[] } {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const centre = (i + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - reach + 0.5));
  const end = Math.min(from, Math.trunc(centre + reach + 0.5));
  const raw = Array.from({ length: end - first }, (_, k) =>
    Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / reach)),
  );
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return { first, weights: raw.map((weight) => weight / sum) };
}
