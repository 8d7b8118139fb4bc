/** Finds shapes and ranges of values that a model accepts, by single runs. */
import { MAX_TRIAL_BYTES } from '../../core/trial-inputs.ts';
import { INTEGER_RANGES, type Random } from '../../models/warm-up/random-rows.ts';
import type { ProbeLayout, ProbeRow, RowShapes } from './probe-layout.ts';

/** Shapes of a row and a range of integers that the model has accepted. */
export interface ProbeFrame {
  readonly shapes: RowShapes;
  readonly integersBelow: number;
}

/** Sizes of free dims, in the order in which they are tried: small, but above 1, in which rows could hide. */
const FREE_SIZES = [8, 16, 2, 32, 64, 224, 128, 3, 4, 1] as const;
/** Enough to see that the size does not matter. */
const WANTED = 2;
const UNEQUAL_SIZES = [1, 2, 3, 4, 6, 8] as const;
const UNEQUAL_TRIES = 60;
/** Any vocabulary has them. */
const SAFE_INTEGERS = 10;
/** The most bytes of a row beside an accepted one. The first may have MAX_TRIAL_BYTES: without it nothing is proved. */
export const MAX_ROW_BYTES = 4 * 2 ** 20;

/**
 * The frames that the model accepts, those of a recorded row first. Tries all sizes where each run has one row.
 * `bytesOf` runs one row and resolves with the bytes of its outputs; undefined = the model refuses it. `ranges` of
 * integers are ascending.
 */
export async function findFrames(
  layout: ProbeLayout,
  recorded: ProbeRow | undefined,
  random: Random,
  bytesOf: (frame: ProbeFrame) => Promise<number | undefined>,
  ranges: readonly number[] = INTEGER_RANGES,
): Promise<readonly ProbeFrame[]> {
  const frames: ProbeFrame[] = [];
  const wanted = layout.fixedRows === 1 ? Infinity : WANTED;
  for (const shapes of shapesToTry(layout, recorded)) {
    if (frames.length >= wanted) break;
    if (layout.rowBytes(shapes) > (frames.length > 0 ? MAX_ROW_BYTES : MAX_TRIAL_BYTES)) continue;
    const frame = await widestFrame(shapes, rangesToTry(layout, frames[0], ranges), bytesOf);
    if (frame !== undefined) frames.push(frame);
  }
  if (frames.length > 0 || !layout.hasFreeDims) return frames;
  for (let i = 0; i < UNEQUAL_TRIES && frames.length < WANTED; i++) {
    const frame = { shapes: unequalShapes(layout, random), integersBelow: SAFE_INTEGERS };
    if (layout.rowBytes(frame.shapes) > MAX_ROW_BYTES) continue;
    if ((await bytesOf(frame)) !== undefined) frames.push(frame);
  }
  return frames;
}

/**
 * The frame with the widest of the ascending ranges that is accepted. Where larger integers make larger outputs, they
 * are sizes, and the next range might ask for more memory than there is.
 */
async function widestFrame(
  shapes: RowShapes,
  ranges: readonly number[],
  bytesOf: (frame: ProbeFrame) => Promise<number | undefined>,
): Promise<ProbeFrame | undefined> {
  let widest: ProbeFrame | undefined;
  let widestBytes = Infinity;
  for (const integersBelow of ranges) {
    const frame = { shapes, integersBelow };
    const bytes = await bytesOf(frame);
    if (bytes === undefined && widest === undefined) continue;
    if (bytes === undefined || bytes > widestBytes) break;
    [widest, widestBytes] = [frame, bytes];
  }
  return widest;
}

function shapesToTry(layout: ProbeLayout, recorded: ProbeRow | undefined): readonly RowShapes[] {
  const sizes: readonly number[] = layout.hasFreeDims ? FREE_SIZES : [1];
  const tried = sizes.map((size) => layout.shapesOf(() => size));
  if (recorded === undefined) return tried;
  return [new Map([...recorded].map(([name, { shape }]) => [name, shape])), ...tried];
}

/** Shapes for models in which lengths must fit: a mask as long as what is cached and what is new. */
function unequalShapes(layout: ProbeLayout, random: Random): RowShapes {
  const sizes = new Map<string, number>();
  return layout.shapesOf((group, dim) => {
    const key = `${group} ${dim}`;
    const size = sizes.get(key) ?? UNEQUAL_SIZES[Math.floor(random() * UNEQUAL_SIZES.length)]!;
    sizes.set(key, size);
    return size;
  });
}

function rangesToTry(layout: ProbeLayout, known: ProbeFrame | undefined, ranges: readonly number[]): readonly number[] {
  if (known !== undefined) return [known.integersBelow];
  return layout.hasIntegers ? ranges : ranges.slice(0, 1);
}
