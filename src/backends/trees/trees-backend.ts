/**
 * Backend `trees`: gradient-boosted trees and random forests of XGBoost and LightGBM, in TypeScript. It needs no
 * library: a model that takes 10 µs a row runs on the event loop, or in threads like any other.
 *
 * The artifact is `<version>/model.json`, `model.ubj` or `model.txt` (tree-file.ts). Parameter `input_dtype` is the type
 * of the features in requests; by default float32 for XGBoost and float64 for LightGBM, the types that they compare in.
 * tree-columns.ts has the others.
 */
import type { Columns } from '../../core/columns/columns.ts';
import type { Backend, LoadOptions, Session } from '../backend.ts';
import { checkParameters } from '../load-options.ts';
import type { FloatDType } from './forest.ts';
import { CATEGORIES, treeColumns, UNKNOWN_CATEGORY } from './tree-columns.ts';
import { hasTreeFile, loadFailed, readTreeFile } from './tree-file.ts';
import type { TreeModel } from './tree-model.ts';
import { TreeSession } from './tree-session.ts';

const INPUT_DTYPE = 'input_dtype';
const DTYPES: readonly FloatDType[] = ['float32', 'float64'];
/** More names would fill the log. */
const SHOWN_NAMES = 100;

export const backend: Backend = {
  kind: 'trees',
  isNative: false,

  probe: hasTreeFile,

  /** tree-session.ts computes one row after the other. */
  judgeRows: async () => ({ kind: 'rows', reason: 'each row goes through the trees by itself' }),

  async load(versionDirectory, options): Promise<Session> {
    const { executionProvider, parameters, log } = options;
    checkParameters(versionDirectory, parameters, [INPUT_DTYPE, CATEGORIES, UNKNOWN_CATEGORY]);
    if (executionProvider !== 'cpu') {
      throw loadFailed(versionDirectory, `there is no execution provider "${executionProvider}" for trees; use cpu`);
    }
    const { path, model } = await readTreeFile(versionDirectory);
    const session = new TreeSession(model, inputDTypeOf(path, options) ?? model.dtype, columnsOf(path, model, options));
    log.info(describe(model));
    return session;
  },
};

function columnsOf(path: string, model: TreeModel, { parameters }: LoadOptions): Columns | undefined {
  try {
    return treeColumns(model, parameters);
  } catch (error) {
    throw loadFailed(path, (error as Error).message, error);
  }
}

/** Undefined = the model's own. */
function inputDTypeOf(path: string, { parameters }: LoadOptions): FloatDType | undefined {
  const wanted = parameters.get(INPUT_DTYPE);
  const known = DTYPES.find((dtype) => dtype === wanted);
  if (wanted === undefined || known !== undefined) return known;
  throw loadFailed(path, `parameter ${INPUT_DTYPE} is ${JSON.stringify(wanted)}; use ${DTYPES.join(' or ')}`);
}

/** "XGBoost 3.1.2: 100 trees with 3012 nodes, binary:logistic; features age, income" */
function describe({ maker, forest, objective, featureNames, featureCount }: TreeModel): string {
  const shown = featureNames.slice(0, SHOWN_NAMES).join(', ');
  const more = featureNames.length > SHOWN_NAMES ? ` and ${featureNames.length - SHOWN_NAMES} more` : '';
  const features = featureNames.length === 0 ? `${featureCount} features without names` : `features ${shown}${more}`;
  const size = `${forest.roots.length} trees with ${forest.feature.length} nodes`;
  return `${maker}: ${size}, ${objective === '' ? 'no objective' : objective}; ${features}`;
}
