/** A picture file → the numbers of a model's input. */
import type { TensorDetail } from '../../../../admin/model-detail.ts';
import type { ImagePlan } from './input-kinds.ts';

/** The values of black and white. */
export interface PixelRange {
  readonly darkest: number;
  readonly brightest: number;
  /** Subtracts at last the mean and divides by the deviation of ImageNet's three colours. */
  readonly isImageNet: boolean;
  /** Rounds to whole numbers. */
  readonly isWhole: boolean;
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION = [0.229, 0.224, 0.225];
/** Weights of red, green and blue in brightness (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/** The range that pillion.yaml declares; else 0 to 1 for floats, 0 to 255 for integers. */
export function startRange({ dtype, range }: TensorDetail): PixelRange {
  const isFloat = dtype.includes('float');
  const [darkest, brightest] = range ?? [0, isFloat ? 1 : 255];
  return { darkest, brightest, isImageNet: false, isWhole: !isFloat };
}

/**
 * Draws the middle of the picture into the canvas, which gets the plan's size. Resolves with false, without drawing, if
 * `isWanted` says no once the file is read. Rejects with an Error for people.
 */
export async function drawFile(
  file: Blob,
  canvas: HTMLCanvasElement,
  { width, height }: ImagePlan,
  isWanted: () => boolean,
): Promise<boolean> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error('the browser cannot read this file as a picture; use a PNG, JPEG or WebP');
  });
  if (!isWanted()) return false;
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [width / scale, height / scale];
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d', { willReadFrequently: true })!;
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 0, 0, width, height);
  picture.close();
  return true;
}

/** Nested arrays of the plan's layout. */
export function pixelValues(canvas: HTMLCanvasElement, plan: ImagePlan, range: PixelRange): unknown {
  const { layout, height, width, channels } = plan;
  const { data } = canvas.getContext('2d', { willReadFrequently: true })!.getImageData(0, 0, width, height);
  const at = (y: number, x: number, channel: number): number => {
    const start = 4 * (y * width + x);
    const byte = channels === 1 ? brightness(data, start) : data[start + channel]!;
    return scaled(byte / 255, channel, range);
  };
  const line = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i));
  if (layout === 'flat') return line(height * width, (i) => at(Math.floor(i / width), i % width, 0));
  if (layout === 'hw') return line(height, (y) => line(width, (x) => at(y, x, 0)));
  if (layout === 'hwc') return line(height, (y) => line(width, (x) => line(channels, (c) => at(y, x, c))));
  return line(channels, (c) => line(height, (y) => line(width, (x) => at(y, x, c))));
}

/**
 * Shows a sample's row in the canvas, which gets the plan's size. Values outside the range become black or white. The
 * row's numbers are in the order of the layout; false: they are not as many as the picture has.
 */
export function paintValues(canvas: HTMLCanvasElement, plan: ImagePlan, range: PixelRange, row: unknown): boolean {
  const { layout, height, width, channels } = plan;
  const numbers = (Array.isArray(row) ? row.flat(Number.POSITIVE_INFINITY) : []) as number[];
  if (numbers.length !== height * width * channels) return false;
  canvas.width = width;
  canvas.height = height;
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const channel = channels === 1 ? 0 : colour;
      const value = numbers[layout === 'chw' ? channel * height * width + pixel : pixel * channels + channel]!;
      picture.data[4 * pixel + colour] = (255 * (value - range.darkest)) / (range.brightest - range.darkest);
    }
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext('2d', { willReadFrequently: true })!.putImageData(picture, 0, 0);
  return true;
}

function brightness(data: Uint8ClampedArray, start: number): number {
  return LUMA[0]! * data[start]! + LUMA[1]! * data[start + 1]! + LUMA[2]! * data[start + 2]!;
}

function scaled(share: number, channel: number, { darkest, brightest, isImageNet, isWhole }: PixelRange): number {
  let value = darkest + share * (brightest - darkest);
  if (isImageNet) value = (value - IMAGENET_MEAN[channel % 3]!) / IMAGENET_DEVIATION[channel % 3]!;
  return isWhole ? Math.round(value) : Math.round(value * 1e4) / 1e4;
}
