/**
 * LightGBM's lists of categories → the features that they belong to. Training on a data frame, it writes the categories
 * of each column of dtype category, in the order of the columns, but not the names of these columns:
 *
 *   feature_names=age city zip flag size
 *   feature_infos=[18:79] -1:0:1:2 0:1 [0:1] [0:2]      a split on categories: the codes; numbers: [least:most]; unused: none
 *   [categorical_feature: 1,2]
 *   pandas_categorical:[["Bern", "Oslo", "Rome"], ["S", "M", "L"]]
 *
 * A column of dtype category is no categorical feature if it is ordered, or was left out of `categorical_feature`; and a
 * categorical feature may be a column of whole numbers. So a list is paired with a feature only where no other pairing of
 * all lists, in their order, fits the codes that the training met; or where the usual one fits, and another could not
 * mistake one category for another. It is wrong to guess: rows would be read by the codes of another column.
 */
import type { Category } from '../../../core/columns/columns.ts';

export type CategoryLists = readonly (readonly Category[])[];

/** The values that the training met in a feature. */
export type FeatureInfo =
  | { readonly kind: 'unused' }
  | { readonly kind: 'numbers'; readonly least: number; readonly most: number }
  | { readonly kind: 'codes'; readonly codes: readonly number[] };

/** The list of each feature that has one for certain. */
export type Paired = ReadonlyMap<number, readonly Category[]>;

/**
 * `declared`: the categorical features of the training, ascending, those that were not used too. Undefined = the file does
 * not say.
 */
export function pairCategories(
  lists: CategoryLists,
  infos: readonly FeatureInfo[],
  declared: readonly number[] | undefined,
): Paired {
  const earliest = placesOf(lists, infos);
  const latest = placesOf([...lists].reverse(), [...infos].reverse())
    ?.map((place) => infos.length - 1 - place)
    .reverse();
  if (earliest === undefined || latest === undefined) return new Map();
  const usual = declared ?? [...infos.keys()].filter((feature) => infos[feature]!.kind === 'codes');
  const isUsual =
    usual.length === lists.length && lists.every((list, i) => mayHave(infos[usual[i]!], list)) && areApart(lists);
  const paired = new Map<number, readonly Category[]>();
  for (const [i, list] of lists.entries()) {
    if (earliest[i] === latest[i]) paired.set(earliest[i]!, list);
    else if (isUsual) paired.set(usual[i]!, list);
  }
  return paired;
}

/** The feature may be the column of these categories. */
export function mayHave(info: FeatureInfo | undefined, { length }: readonly Category[]): boolean {
  switch (info?.kind) {
    case undefined:
      return false;
    case 'unused':
      return true;
    case 'numbers':
      return isCode(info.least, length) && isCode(info.most, length);
    case 'codes':
      // -1 stands for what was missing or rare.
      return info.codes.every((code) => code === -1 || isCode(code, length));
  }
}

function isCode(number: number, count: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < count;
}

/** The first features, in order, that the lists may belong to; undefined = there are not as many. */
function placesOf(lists: CategoryLists, infos: readonly FeatureInfo[]): readonly number[] | undefined {
  const places: number[] = [];
  let feature = 0;
  for (const list of lists) {
    while (feature < infos.length && !mayHave(infos[feature], list)) feature++;
    if (feature === infos.length) return undefined;
    places.push(feature++);
  }
  return places;
}

/** All are texts, and no text is in two lists: by a wrong pairing no text could be read as another column's. */
function areApart(lists: CategoryLists): boolean {
  const all = lists.flat();
  return all.every((category) => typeof category === 'string') && new Set(all).size === all.length;
}

/** The lists of `pandas_categorical`; undefined = a value is none of JSON's that are exact. */
export function categoryLists(value: unknown): CategoryLists | undefined {
  if (!Array.isArray(value)) return undefined;
  const lists = value.map(categoryList);
  return lists.includes(undefined) ? undefined : (lists as CategoryLists);
}

/** A list of categories, each once; undefined = it is none. */
export function categoryList(value: unknown): readonly Category[] | undefined {
  if (!Array.isArray(value) || new Set(value).size !== value.length) return undefined;
  return value.every(isCategory) ? value : undefined;
}

function isCategory(value: unknown): value is Category {
  if (typeof value === 'number') return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  return typeof value === 'string' || typeof value === 'boolean';
}

/** "[18:79]", "-1:0:1:2" or "none" of `feature_infos`. */
export function featureInfo(text: string): FeatureInfo {
  const range = /^\[(.+):(.+)\]$/.exec(text);
  if (range !== null) return { kind: 'numbers', least: Number(range[1]), most: Number(range[2]) };
  return text === 'none' || text === '' ? { kind: 'unused' } : { kind: 'codes', codes: text.split(':').map(Number) };
}
