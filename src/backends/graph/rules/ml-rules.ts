/** ai.onnx.ml: classifiers, regressors and transformers of scikit-learn, LightGBM and XGBoost. A row is one sample. */
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { reshape } from '../reshape.ts';
import { ONE, sizeOf } from '../size.ts';
import { type Dims, type Known, mixed, movedTo, type Rows, rows, same, undecided } from '../value.ts';
import { each, elementwise } from './elementwise-rules.ts';
import { concatOf } from './layout-rules.ts';

/** [N, features] with a sample in each row. Throws RowsLost for another shape: one dim is one sample. */
function samples(call: NodeCall, x: Rows): void {
  if (x.axis.at !== 0) throw mixed('it takes the axis of the rows for features');
  if (x.dims.length !== 2) throw undecided(`it takes ${call.node.op} of ${x.dims.length} dims`);
}

/** A label for each sample, and scores. */
function classifier(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return [ANY_CONSTANT, ANY_CONSTANT];
  samples(call, x);
  const [count] = x.dims;
  // The others may give more or fewer scores than labels.
  const labels = call.node.op === 'TreeEnsembleClassifier' ? countOf(call, 'classlabels') : undefined;
  const scores = labels === undefined || labels < 2 ? call.unknownDim() : sizeOf(labels);
  return [rows([count!], x.axis), rows([count!, scores], x.axis)];
}

/** How many labels or categories are listed, as numbers or as texts. Undefined = not known. */
function countOf(call: NodeCall, name: string): number | undefined {
  return call.ints(`${name}_int64s`)?.length || call.textCount(`${name}_strings`);
}

/** It gives numbers for each sample. */
function regressor(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  samples(call, x);
  return rows([x.dims[0]!, call.unknownDim()], x.axis);
}

/** It gives as many features as it gets. */
function transformer(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'rows') samples(call, x);
  return x;
}

/** Its second input has indices of the last axis. */
function featureExtractor(call: NodeCall): Outputs {
  const [x, indices] = [call.data(0), call.data(1)];
  if (x.kind === 'same' && indices.kind === 'same') return ANY_CONSTANT;
  if (x.kind === 'same') return pickedByRows(call, x, indices);
  if (indices.kind === 'rows') throw mixed('it picks from each row for every other');
  if (x.dims.length < 2 || x.axis.at === x.dims.length - 1) throw mixed('it picks from the axis of the rows');
  return rows(x.dims.with(-1, call.unknownDim()), x.axis);
}

/** Picks from one list of constants, as from the names of classes: [1, number of indices]. */
function pickedByRows(call: NodeCall, x: Known, indices: Known): Known {
  const isList = x.dims?.length === 1 || (x.dims?.length === 2 && x.dims[0]!.key === ONE.key);
  if (!isList) throw undecided('it picks from more than one list');
  const flat = reshape(call, indices, [sizeOf(-1)]) as Rows;
  return rows([ONE, ...flat.dims], movedTo(flat.axis, 1));
}

function oneHotEncoder(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.dims === undefined) return ANY_CONSTANT;
  const categories = countOf(call, 'cats');
  const dims: Dims = [...x.dims, categories === undefined ? call.unknownDim() : sizeOf(categories)];
  return x.kind === 'rows' ? rows(dims, x.axis) : same(dims);
}

function featureVectorizer(call: NodeCall): Outputs {
  const parts = call.allData();
  for (const part of parts) if (part.kind === 'rows') samples(call, part);
  return concatOf(call, parts, 1);
}

function tfIdf(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  samples(call, x);
  return rows([x.dims[0]!, call.unknownDim()], x.axis);
}

/** It gives as many texts as it gets if there are no stop words. */
function stringNormalizer(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  if (call.hasAttribute('stopwords')) throw mixed('it removes stop words, so texts move to the places of others');
  return x;
}

const notRows: Rule = () => {
  throw undecided('its output is a sequence or a map');
};

export const ML_RULES: Rules = {
  ...each('TreeEnsembleClassifier LinearClassifier SVMClassifier', classifier),
  ...each('TreeEnsembleRegressor TreeEnsemble LinearRegressor SVMRegressor', regressor),
  ...each('Scaler Normalizer Imputer', transformer),
  ...each('LabelEncoder CategoryMapper Binarizer', elementwise),
  ...each('ZipMap CastMap', notRows),
  ArrayFeatureExtractor: featureExtractor,
  OneHotEncoder: oneHotEncoder,
  FeatureVectorizer: featureVectorizer,
};

/** Ops of ai.onnx on texts. */
export const TEXT_RULES: Rules = { TfIdfVectorizer: tfIdf, StringNormalizer: stringNormalizer };
