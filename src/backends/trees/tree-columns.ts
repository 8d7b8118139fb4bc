/**
 * The columns of a model of trees, for whoever sends rows by name: what the file has, and two parameters of the owner.
 *
 *   categories          '{"city": ["Bern", "Oslo", "Rome"]}': categories by their codes, where the file does not have them
 *   unknown_category    error or missing: what becomes of a category that the training did not have
 */
import type { Category, Column, Columns } from '../../core/columns/columns.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelParameters } from '../backend.ts';
import { Fields, show } from './fields.ts';
import { categoryList } from './lightgbm/lightgbm-categories.ts';
import type { TreeModel } from './tree-model.ts';

export const CATEGORIES = 'categories';
export const UNKNOWN_CATEGORY = 'unknown_category';

/** Rows of more features are no objects: their names would be most of what is sent, and kept. */
const MAX_COLUMNS = 2 ** 16;

/** Undefined = the file does not name the features. Throws a plain Error for parameters that do not fit the model. */
export function treeColumns(model: TreeModel, parameters: ModelParameters): Columns | undefined {
  const { featureNames: names, featureCount } = model;
  const isNamed = names.length === featureCount && featureCount <= MAX_COLUMNS && new Set(names).size === names.length;
  const unknownCategory = unknownOf(model, parameters);
  const declared = declaredCategories(model, isNamed ? names : [], parameters);
  if (!isNamed) return undefined;
  return { list: names.map((name, feature) => columnOf(model, feature, name, declared.get(name))), unknownCategory };
}

function columnOf(model: TreeModel, feature: number, name: string, declared: readonly Category[] | undefined): Column {
  const categories = declared ?? model.categories.get(feature);
  if (categories !== undefined) return { name, categories };
  const why = model.whyCodes(feature);
  if (why === undefined) return { name };
  return { name, whyCodes: `${why}; send its codes, or declare them by the parameter "${CATEGORIES}" of the model` };
}

function unknownOf(model: TreeModel, parameters: ModelParameters): Columns['unknownCategory'] {
  const wanted = parameters.get(UNKNOWN_CATEGORY) ?? model.unknownCategory;
  if (wanted === 'error' || wanted === 'missing') return wanted;
  throw new Error(`parameter ${UNKNOWN_CATEGORY} is ${JSON.stringify(wanted)}; use error or missing`);
}

function declaredCategories(
  model: TreeModel,
  names: readonly string[],
  parameters: ModelParameters,
): ReadonlyMap<string, readonly Category[]> {
  const text = parameters.get(CATEGORIES);
  if (text === undefined) return new Map();
  const given = objectIn(text);
  const declared = new Map<string, readonly Category[]>();
  for (const [name, value] of Object.entries(given)) {
    const feature = names.indexOf(name);
    if (feature === -1) throw wrong(`names ${show(name)}, which is no feature; the file has ${listNames(names)}`);
    const list = categoryList(value);
    if (list === undefined) throw wrong(`has for ${show(name)} no list of different texts, numbers or booleans`);
    const known = model.categories.get(feature);
    const fits = known === undefined ? model.mayHave(feature, list) : isSame(known, list);
    if (!fits) throw wrong(`has categories for ${show(name)} that do not fit what the file tells of the training`);
    declared.set(name, list);
  }
  return declared;
}

function objectIn(text: unknown): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(String(text));
    new Fields(value, CATEGORIES);
    return value as Readonly<Record<string, unknown>>;
  } catch {
    throw wrong(`is ${show(text)}; write a JSON object, such as '{"city": ["Bern", "Oslo"]}'`);
  }
}

function isSame(one: readonly Category[], other: readonly Category[]): boolean {
  return one.length === other.length && one.every((category, code) => category === other[code]);
}

function wrong(what: string): Error {
  return new Error(`parameter ${CATEGORIES} ${what}`);
}
