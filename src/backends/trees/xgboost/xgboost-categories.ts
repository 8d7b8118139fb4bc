/**
 * XGBoost's categories: since 3.1 a model that was trained on a data frame has them by feature, in the order of their codes,
 *
 *   "cats": {"enc": [{"offsets": [], "values": []}, {"offsets": [0, 4, 8], "values": [66, 101, …]}, {"type": 15, "values": [10, 20]}]}
 *                    numbers                        texts: UTF-8, one after the other                whole numbers
 *
 * Older versions have the codes alone, and `feature_types` with "c" for each feature of categories.
 */
import { Buffer } from 'node:buffer';
import type { Category } from '../../../core/columns/columns.ts';
import type { Fields } from '../fields.ts';
import type { TreeModel } from '../tree-model.ts';

const CATEGORICAL = 'c';

/** `model`: of the booster. Throws a plain Error for categories that cannot be right. */
export function readXgboostCategories(
  learner: Fields,
  model: Fields,
  featureCount: number,
): Pick<TreeModel, 'categories' | 'whyCodes' | 'mayHave' | 'unknownCategory'> {
  const types = learner.has('feature_types') ? learner.texts('feature_types') : [];
  const isCategorical = (feature: number): boolean => types[feature] === CATEGORICAL;
  const lists = model.has('cats') ? model.object('cats').list('enc') : [];
  const saved = lists
    .slice(0, featureCount)
    .map((_, feature) => new SavedCategories(model.object('cats').item('enc', feature)));
  const entries = saved.map(({ list }, feature) => [feature, list] as const);
  return {
    categories: new Map(entries.filter((entry): entry is readonly [number, readonly Category[]] => !!entry[1])),
    whyCodes: (feature) => (isCategorical(feature) ? (saved[feature]?.why ?? NOT_SAVED) : undefined),
    mayHave: (feature, list) => isCategorical(feature) && saved[feature]?.contradicts(list) !== true,
    unknownCategory: 'error',
  };
}

const NOT_SAVED = 'the file has no categories for it: XGBoost saves them since 3.1, of data frames alone';
const CUT = 'XGBoost saves categories that are not ASCII without the place where each ends';

/** The categories that the file has for a feature. */
class SavedCategories {
  /** Undefined = there are none, or none that can be told apart. */
  readonly list: readonly Category[] | undefined;
  /** Why not, as a clause; undefined = there are none, or they are known. */
  readonly why: string | undefined;
  readonly #count: number;
  readonly #bytes: Buffer | undefined;

  constructor(encoded: Fields) {
    const values = encoded.numbers('values');
    const offsets = encoded.has('offsets') ? encoded.numbers('offsets') : undefined;
    this.#count = offsets === undefined ? values.length : Math.max(0, offsets.length - 1);
    // Signed bytes.
    this.#bytes = offsets && Buffer.from(values);
    // XGBoost's Python package counts letters in the place of bytes (seen in 3.2.0), and cuts the end.
    const isAscii = this.#bytes?.every((byte) => byte < 0x80) ?? true;
    this.why = isAscii ? undefined : CUT;
    const list: readonly Category[] = offsets === undefined ? values : textsOf(offsets, this.#bytes!);
    const areExact = list.every((each) => typeof each === 'string' || Number.isSafeInteger(each));
    this.list = isAscii && list.length > 0 && areExact && new Set(list).size === list.length ? list : undefined;
  }

  /** The list cannot be the one that was saved. */
  contradicts(list: readonly Category[]): boolean {
    if (this.#count === 0) return false;
    const isCut = this.#bytes !== undefined && Buffer.from(list.join('')).indexOf(this.#bytes) !== 0;
    return list.length !== this.#count || isCut;
  }
}

function textsOf(offsets: readonly number[], bytes: Buffer): readonly string[] {
  return offsets.slice(1).map((end, i) => {
    const start = offsets[i]!;
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= bytes.length)) {
      throw new Error(`a feature's categories have an offset from ${start} to ${end} in ${bytes.length} bytes`);
    }
    return bytes.toString('utf8', start, end);
  });
}
