/** A picture file → the numbers of a model's input. */
import type { ImagePlan } from './input-kinds.ts';

/** The values of black and white. */
export interface PixelRange {
  readonly darkest: number;
  readonly brightest: number;
  /** Then subtracts the mean and divides by the deviation of ImageNet's three colours. */
  readonly isImageNet: boolean;
  /** Rounds to whole numbers. */
  readonly isWhole: boolean;
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION = [0.229, 0.224, 0.225];
/** Weights of red, green and blue in brightness (ITU-R BT.601). */
const LUMA = [0.299, 0.587, 0.114];

/** Draws the middle of the picture into the canvas, which gets the plan's size. Rejects with an Error. */
export async function drawFile(file: Blob, canvas: HTMLCanvasElement, { width, height }: ImagePlan): Promise<void> {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error('the browser cannot read this file as a picture; use a PNG, JPEG or WebP');
  });
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [width / scale, height / scale];
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d', { willReadFrequently: true })!;
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 0, 0, width, height);
  picture.close();
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

function brightness(data: Uint8ClampedArray, start: number): number {
  return LUMA[0]! * data[start]! + LUMA[1]! * data[start + 1]! + LUMA[2]! * data[start + 2]!;
}

function scaled(share: number, channel: number, { darkest, brightest, isImageNet, isWhole }: PixelRange): number {
  let value = darkest + share * (brightest - darkest);
  if (isImageNet) value = (value - IMAGENET_MEAN[channel % 3]!) / IMAGENET_DEVIATION[channel % 3]!;
  return isWhole ? Math.round(value) : Math.round(value * 1e4) / 1e4;
}
