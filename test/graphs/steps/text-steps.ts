/** Texts, and the ops of ai.onnx.ml. */
import { type Drawn, type GraphDraft, misfit, ROWS, sizeOfDims } from '../graph-draft.ts';
import { cast, floatOfRank, ofType, someAxis } from '../operands.ts';
import type { Steps } from './step.ts';

const ML = 'ai.onnx.ml';

function text(draft: GraphDraft): Drawn {
  if (draft.opset < 9) throw misfit();
  if (draft.seen.some(({ type }) => type === 'string') && !draft.draw.oneIn(4))
    return draft.some(({ type }) => type === 'string');
  return cast(draft, ofType(draft, ['int64', 'int32', 'float']), 'string');
}

function labels(draft: GraphDraft): void {
  const x = draft.draw.oneIn(3) ? text(draft) : ofType(draft, ['int64']);
  const keys =
    x.type === 'string' ? { keys_strings: { strings: ['a', 'B', '1', '2', 'a0'] } } : { keys_int64s: [0, 1, 2, 3, 7] };
  const isText = draft.draw.oneIn(3);
  const values = isText
    ? { values_strings: { strings: ['v', 'w', 'x', 'y', 'z'] }, default_string: 'none' }
    : { values_floats: { floats: [0.5, -1, 2, 3, 1.5] } };
  draft.one('LabelEncoder', [x], isText ? 'string' : 'float', x.dims, { ...keys, ...values }, ML);
}

function normalizedText(draft: GraphDraft): void {
  const x = text(draft);
  if (draft.opset < 10) throw misfit();
  const flat = x.dims.length === 1 ? x : draft.one('Reshape', [x, draft.ints(-1)], 'string', [sizeOfDims(x.dims)]);
  const attributes = {
    case_change_action: draft.draw.pick(['LOWER', 'UPPER', 'NONE']),
    is_case_sensitive: 1,
    locale: 'C',
  };
  const stop = draft.draw.oneIn(4) ? { stopwords: { strings: ['a0'] } } : {};
  draft.one('StringNormalizer', [flat], 'string', flat.dims, { ...attributes, ...stop });
}

function numberOfText(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const number = ofType(draft, ['int64', 'int32']);
  cast(draft, cast(draft, number, 'string'), draft.draw.pick(['int64', 'float']));
}

function joined(draft: GraphDraft): void {
  if (draft.opset < 20) throw misfit();
  const x = text(draft);
  draft.one('StringConcat', [x, draft.constant('string', [1], ['-'])], 'string', x.dims.length === 0 ? [1] : x.dims);
}

function matched(draft: GraphDraft): void {
  if (draft.opset < 20) throw misfit();
  const x = text(draft);
  cast(draft, draft.one('RegexFullMatch', [x], 'bool', x.dims, { pattern: '[a-z0-9]+' }), 'float');
}

function samples(draft: GraphDraft): Drawn {
  const x = floatOfRank(draft, 2);
  if (x.dims.includes(0) || (x.dims[1]! % ROWS === 0 && !draft.draw.oneIn(6))) throw misfit();
  return x;
}

function transformed(draft: GraphDraft): void {
  const x = samples(draft);
  const count = x.dims[1]!;
  const numbers = (step: number) => ({ floats: Array.from({ length: count }, (_, i) => 0.5 + step * i) });
  const op = draft.draw.pick(['Scaler', 'Normalizer', 'Imputer', 'Binarizer']);
  if (op === 'Scaler') draft.one(op, [x], 'float', x.dims, { offset: numbers(0.25), scale: numbers(0.5) }, ML);
  else if (op === 'Normalizer') draft.one(op, [x], 'float', x.dims, { norm: draft.draw.pick(['MAX', 'L1', 'L2']) }, ML);
  else if (op === 'Binarizer') draft.one(op, [x], 'float', x.dims, { threshold: { float: 0.25 } }, ML);
  else
    draft.one(op, [x], 'float', x.dims, { imputed_value_floats: numbers(1), replaced_value_float: { float: 0 } }, ML);
}

function linear(draft: GraphDraft): void {
  const x = samples(draft);
  const [rows, count] = x.dims as [number, number];
  const targets = draft.draw.between(1, 3);
  const coefficients = { floats: Array.from({ length: count * targets }, (_, i) => ((i * 5) % 7) / 4 - 0.7) };
  const intercepts = { floats: Array.from({ length: targets }, (_, i) => i / 2) };
  if (draft.draw.oneIn(2)) {
    draft.one('LinearRegressor', [x], 'float', [rows, targets], { coefficients, intercepts, targets }, ML);
    return;
  }
  if (targets === 1) throw misfit();
  const classlabels_ints = Array.from({ length: targets }, (_, i) => i * 3);
  const post = draft.draw.pick(['NONE', 'SOFTMAX', 'LOGISTIC']);
  const results = [
    { type: 'int64' as const, dims: [rows] },
    { type: 'float' as const, dims: [rows, targets] },
  ];
  draft.add('LinearClassifier', [x], results, { coefficients, intercepts, classlabels_ints, post_transform: post }, ML);
}

/** A tree of one decision. */
function tree(draft: GraphDraft): void {
  const x = samples(draft);
  const nodes = {
    nodes_treeids: [0, 0, 0],
    nodes_nodeids: [0, 1, 2],
    nodes_featureids: [draft.draw.below(x.dims[1]!), 0, 0],
    nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'] },
    nodes_values: { floats: [0.3, 0, 0] },
    nodes_truenodeids: [1, 0, 0],
    nodes_falsenodeids: [2, 0, 0],
  };
  const targets = {
    target_treeids: [0, 0],
    target_nodeids: [1, 2],
    target_ids: [0, 0],
    target_weights: { floats: [-1.5, 2.5] },
  };
  draft.one('TreeEnsembleRegressor', [x], 'float', [x.dims[0]!, 1], { ...nodes, ...targets, n_targets: 1 }, ML);
}

function features(draft: GraphDraft): void {
  const { draw } = draft;
  if (draw.oneIn(2)) {
    const x = ofType(draft, ['float', 'int64'], ({ dims }) => dims.length > 0 && !dims.includes(0));
    const picked = draft.constant('int64', [2], [0, draw.below(x.dims.at(-1)!)]);
    const dims = x.dims.length === 1 ? [1, 2] : [...x.dims.slice(0, -1), 2];
    draft.one('ArrayFeatureExtractor', [x, picked], x.type, dims, {}, ML);
    return;
  }
  const x = ofType(draft, ['int64'], ({ dims }) => dims.length > 0 && dims.length < 4);
  draft.one('OneHotEncoder', [x], 'float', [...x.dims, 3], { cats_int64s: [0, 1, 2], zeros: 1 }, ML);
}

function vectorized(draft: GraphDraft): void {
  const x = samples(draft);
  const others = draft.seen.filter(({ type, dims }) => type === 'float' && dims.length === 2 && dims[0] === x.dims[0]);
  const other = draft.draw.pick(others);
  const dimensions = [x.dims[1]!, other.dims[1]!];
  draft.one(
    'FeatureVectorizer',
    [x, other],
    'float',
    [x.dims[0]!, dimensions[0]! + dimensions[1]!],
    { inputdimensions: dimensions },
    ML,
  );
}

function counts(draft: GraphDraft): void {
  if (draft.opset < 9) throw misfit();
  const x = ofType(draft, ['int64'], ({ dims }) => dims.length === 2 && !dims.includes(0));
  someAxis(draft, x);
  const attributes = {
    mode: draft.draw.pick(['TF', 'IDF']),
    min_gram_length: 1,
    max_gram_length: 1,
    max_skip_count: 0,
    ngram_counts: [0],
    ngram_indexes: [0, 1, 2],
    pool_int64s: [0, 1, 2],
  };
  draft.one('TfIdfVectorizer', [x], 'float', [x.dims[0]!, 3], attributes);
}

export const TEXT_STEPS: Steps = {
  labels,
  normalizedText,
  numberOfText,
  joined,
  matched,
  transformed,
  linear,
  tree,
  features,
  vectorized,
  counts,
};
