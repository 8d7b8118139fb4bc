/** Files of XGBoost and LightGBM with a few trees, and sessions of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LoadSettings, Session } from '../../src/backends/backend.ts';
import { importBackend } from '../../src/backends/import-backend.ts';
import { loadOptionsOf } from '../../src/backends/load-options.ts';
import { elements, type NumericTensor, numericTensor } from '../../src/core/tensor.ts';
import { FEATURES } from '../../src/pillion.ts';
import { tempDirectory } from './temp-directory.ts';

/** A tree of XGBoost's model.json: one entry for each node. */
export interface XgboostTree {
  readonly left_children: readonly unknown[];
  readonly right_children: readonly unknown[];
  readonly split_indices: readonly unknown[];
  readonly split_conditions: readonly unknown[];
  readonly default_left: readonly unknown[];
  readonly split_type?: readonly number[];
  readonly categories?: readonly number[];
  readonly categories_nodes?: readonly number[];
  readonly categories_segments?: readonly number[];
  readonly categories_sizes?: readonly number[];
  readonly tree_param?: Readonly<Record<string, string>>;
}

/** left if x[feature] < threshold, or if it is missing and `isDefaultLeft`. */
export function stump(
  feature: number,
  threshold: unknown,
  left: unknown,
  right: unknown,
  isDefaultLeft = false,
): XgboostTree {
  return {
    left_children: [1, -1, -1],
    right_children: [2, -1, -1],
    split_indices: [feature, 0, 0],
    split_conditions: [threshold, left, right],
    default_left: [isDefaultLeft ? 1 : 0, 0, 0],
  };
}

/** A tree that is one leaf. */
export function leaf(value: number): XgboostTree {
  return {
    left_children: [-1],
    right_children: [-1],
    split_indices: [0],
    split_conditions: [value],
    default_left: [0],
  };
}

export interface XgboostModel {
  readonly trees: readonly XgboostTree[];
  readonly objective?: string;
  readonly features?: number;
  readonly baseScore?: string;
  readonly boostFromAverage?: '0' | '1';
  /** num_class; its trees take turns. */
  readonly classes?: number;
  readonly targets?: number;
  readonly treeInfo?: readonly number[];
  readonly booster?: (model: object) => object;
  readonly featureNames?: readonly string[];
}

/** The value of a model.json. */
export function xgboostModel({ trees, features = 2, classes = 0, targets = 1, ...rest }: XgboostModel) {
  const { objective = 'reg:squarederror', baseScore = '0E0', featureNames = [], booster = gbtree } = rest;
  const groups = Math.max(classes, targets, 1);
  const model = {
    gbtree_model_param: { num_trees: String(trees.length), num_parallel_tree: '1' },
    tree_info: rest.treeInfo ?? trees.map((_, i) => i % groups),
    trees,
  };
  return {
    learner: {
      feature_names: featureNames,
      gradient_booster: booster(model),
      learner_model_param: {
        base_score: baseScore,
        ...(rest.boostFromAverage !== undefined && { boost_from_average: rest.boostFromAverage }),
        num_class: String(classes),
        num_feature: String(features),
        num_target: String(targets),
      },
      objective: { name: objective },
    },
    version: [3, 1, 0],
  };
}

function gbtree(model: object): object {
  return { name: 'gbtree', model };
}

/** A tree of LightGBM's text format; lists with spaces between. */
export type LightgbmTree = Readonly<Record<string, string | number>>;

/** left if x[feature] <= threshold; decision_type is LightGBM's. */
export function lightgbmStump(
  feature: number,
  threshold: number | string,
  left: number,
  right: number,
  type = 2,
): LightgbmTree {
  return {
    num_leaves: 2,
    num_cat: 0,
    split_feature: feature,
    threshold,
    decision_type: type,
    left_child: -1,
    right_child: -2,
    leaf_value: `${left} ${right}`,
  };
}

export interface LightgbmModel {
  readonly trees: readonly LightgbmTree[];
  readonly objective?: string;
  readonly features?: number;
  readonly treesPerIteration?: number;
  readonly isAverage?: boolean;
}

/** A model.txt. */
export function lightgbmText({ trees, features = 2, treesPerIteration = 1, ...rest }: LightgbmModel): string {
  const { objective = 'regression', isAverage = false } = rest;
  const head = [
    'tree',
    'version=v4',
    `num_class=${treesPerIteration}`,
    `num_tree_per_iteration=${treesPerIteration}`,
    'label_index=0',
    `max_feature_idx=${features - 1}`,
    ...(objective === '' ? [] : [`objective=${objective}`]),
    ...(isAverage ? ['average_output'] : []),
    `feature_names=${Array.from({ length: features }, (_, i) => `Column_${i}`).join(' ')}`,
  ];
  const bodies = trees.map((tree, i) => [
    `Tree=${i}`,
    ...Object.entries(tree).map(([key, value]) => `${key}=${value}`),
  ]);
  return [head, ...bodies, ['end of trees'], ['parameters:', '[boosting: gbdt]', 'end of parameters']]
    .map((lines) => `${lines.join('\n')}\n\n`)
    .join('');
}

/** Opens a version directory with that one file; the session is closed after the test. */
export async function openTrees(
  t: TestContext,
  file: string,
  content: object | string,
  settings: Partial<LoadSettings> = {},
): Promise<Session> {
  const directory = tempDirectory(t);
  const isText = typeof content === 'string' || content instanceof Uint8Array;
  writeFileSync(join(directory, file), isText ? content : JSON.stringify(content));
  const options = loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu', ...settings });
  const session = await (await importBackend((await FEATURES.backends.find('', 'trees')).module)).load(
    directory,
    options,
  );
  t.after(() => session.close());
  return session;
}

/** The prediction for rows of features, which are sent in the dtype that the signature has. */
export async function predict(session: Session, rows: readonly (readonly number[])[]): Promise<NumericTensor> {
  const { dtype, shape } = session.signatures.get('serving_default')!.inputs.get('features')!;
  const values = dtype === 'float64' ? Float64Array.from(rows.flat()) : Float32Array.from(rows.flat());
  const x = numericTensor(dtype as 'float32', [rows.length, rows[0]?.length ?? shape![1]!], values);
  const outputs = await session.run('serving_default', new Map([['features', x]]), ['prediction'], {
    deadline: Infinity,
  });
  return outputs.get('prediction') as NumericTensor;
}

/** The numbers of that prediction. */
export async function numbersFor(session: Session, rows: readonly (readonly number[])[]): Promise<number[]> {
  return [...elements(await predict(session, rows))] as number[];
}
