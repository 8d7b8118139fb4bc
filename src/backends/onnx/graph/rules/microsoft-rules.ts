/** com.microsoft: ops of ONNX Runtime's optimizer and quantizer that exported models have. */
import { broadcast } from '../broadcast.ts';
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { isSameSize, ONE } from '../size.ts';
import { type Known, mixed, movedTo, type Rows, rows, undecided } from '../value.ts';
import { checkApart, layerNorm, reduced } from './axis-rules.ts';
import { ELEMENTWISE_RULES, each, elementwise, isOne } from './elementwise-rules.ts';
import { concatOf } from './layout-rules.ts';
import { MICROSOFT_MATRIX_RULES } from './matrix-rules.ts';

/** Scales and zero points are one each. */
function checkOnes(call: NodeCall, ...places: readonly number[]): void {
  for (const i of places) {
    const scale = call.constant(i, 'a scale or zero point');
    if (scale !== undefined && !isOne(scale)) throw undecided('a scale or zero point is not one number');
  }
}

/** Inputs: A, its scale and zero point, B, its scale and zero point, those of the result. */
function qLinearBinary(call: NodeCall): Outputs {
  checkOnes(call, 1, 2, 4, 5, 6, 7);
  return broadcast(call, [call.data(0), call.data(3)]);
}

function qLinearUnary(call: NodeCall): Outputs {
  checkOnes(call, 1, 2, 3, 4);
  return call.data(0);
}

function qLinearGlobalPool(call: NodeCall): Outputs {
  const x = call.data(0);
  checkOnes(call, 1, 2, 3, 4);
  if (x.dims === undefined) return ANY_CONSTANT;
  const isLast = call.int('channels_last', 0) !== 0;
  const spatial = x.dims.map((_, axis) => axis).slice(isLast ? 1 : 2, isLast ? -1 : undefined);
  return reduced(x, spatial, true, 'pools');
}

/** Inputs: scale and zero point of the result, then each part with its own. */
function qLinearConcat(call: NodeCall): Outputs {
  const parts: Known[] = [];
  for (let i = 2; i < call.inputs.length; i += 3) {
    parts.push(call.data(i));
    checkOnes(call, i + 1, i + 2);
  }
  return concatOf(call, parts, call.int('axis', 0));
}

function qLinearSoftmax(call: NodeCall): Outputs {
  const x = call.data(0);
  checkOnes(call, 1, 2, 3, 4);
  if (x.kind === 'same') return x;
  const last = x.dims.length - 1;
  if (call.int('axis', -1) !== -1 && call.int('axis', -1) !== last) throw undecided('it is not of the last axis');
  if (call.int('opset', 13) < 13 && x.dims.length > 2 && x.axis.at > 0) throw undecided('it may normalize more axes');
  checkApart(x, last, 'normalizes');
  return x;
}

/** Inputs: x, what is added to it, and constants. The fourth output is the sum. */
function skipLayerNorm(call: NodeCall): Outputs {
  const sum = broadcast(call, [call.data(0), call.data(1)]);
  for (let i = 2; i < call.inputs.length; i++) call.constant(i, 'a weight');
  if (sum.dims === undefined) return ANY_CONSTANT;
  const statistics = reduced(sum, [-1], true, 'normalizes');
  return [sum, statistics, statistics, sum];
}

/** Rows on axis 0 of a tensor of at least two dims. */
function rowsFirst(x: Known, what: string): Rows {
  if (x.kind === 'rows' && x.axis.at === 0 && x.dims.length > 1) return x;
  throw x.kind === 'rows' ? mixed(`${what} has the rows on axis ${x.axis.at}`) : undecided(`${what} is a constant`);
}

/** Inputs: ids of words and segments, three tables, scale, shift, mask, ids of positions. */
function embedLayerNorm(call: NodeCall): Outputs {
  const ids = rowsFirst(call.data(0), 'its input');
  for (const i of [2, 3, 4, 5, 6]) call.constant(i, 'a weight');
  for (const i of [1, 7]) if (call.has(i)) broadcast(call, [ids, rowsFirst(call.data(i), 'its input')]);
  if (call.has(8)) broadcast(call, [ids, call.data(8)]);
  const width = call.data(2).dims?.[1] ?? call.unknownDim();
  const y = rows([...ids.dims, width], ids.axis);
  return [y, rows([ids.dims[0]!], ids.axis), y];
}

/** A mask or bias that is added to scores [batch, heads, to, from]: one for all, or one for each row. */
function checkBias(call: NodeCall, i: number, x: Rows): void {
  if (!call.has(i)) return;
  const bias = call.data(i);
  if (bias.kind === 'rows' ? isFirstOf(bias, x) : isForAll(bias)) return;
  throw undecided('its mask may be of other rows');
}

function isFirstOf(value: Rows, x: Rows): boolean {
  return (
    value.axis.at === 0 && isSameSize(value.axis.inner, x.axis.inner) && isSameSize(value.axis.outer, x.axis.outer)
  );
}

function isForAll(bias: Known): boolean {
  return bias.dims?.length === 4 && isSameSize(bias.dims[0], ONE);
}

/** Past keys and values [2, batch, heads, time, size]. */
function checkPast(call: NodeCall, i: number, at: number): void {
  if (!call.has(i)) return;
  const past = call.data(i);
  if (past.kind !== 'rows' || past.axis.at !== at) throw mixed('its past is not of the rows');
}

/** Inputs: x, weights, bias, mask, past, bias of the scores. */
function attention(call: NodeCall): Outputs {
  return attentionOf(call, { mask: 3, past: 4, scores: 5 });
}

/** Inputs: x, weights, bias, two scales, mask, two zero points, past. */
function qAttention(call: NodeCall): Outputs {
  checkOnes(call, 3, 6);
  return attentionOf(call, { mask: 5, past: 8, scores: 9 });
}

function attentionOf(call: NodeCall, places: Readonly<Record<'mask' | 'past' | 'scores', number>>): Outputs {
  const x = rowsFirst(call.data(0), 'its input');
  for (const i of [1, 2]) call.constant(i, 'a weight');
  if (call.has(places.mask)) rowsFirst(call.data(places.mask), 'its mask');
  checkPast(call, places.past, 1);
  checkBias(call, places.scores, x);
  const y = rows([...x.dims.slice(0, -1), call.unknownDim()], x.axis);
  return [y, rows([call.unknownDim(), x.dims[0]!, ...call.unknownDims(3)], movedTo(x.axis, 1))];
}

/** Inputs: query, key, value, bias, padding mask, bias of the scores, past keys, past values. */
function multiHeadAttention(call: NodeCall): Outputs {
  const x = rowsFirst(call.data(0), 'its query');
  for (const i of [1, 2, 4]) {
    if (call.has(i) && !isFirstOf(rowsFirst(call.data(i), 'an input'), x)) throw undecided('it combines other rows');
  }
  call.constant(3, 'a weight');
  checkBias(call, 5, x);
  for (const i of [6, 7]) checkPast(call, i, 0);
  if (call.inputs.length > 8) throw undecided('it has inputs of other kinds');
  const present = rows([x.dims[0]!, ...call.unknownDims(3)], x.axis);
  return [rows([x.dims[0]!, ...call.unknownDims(2)], x.axis), present, present];
}

/** ai.onnx: query, key, value, mask, past keys, past values, in 3 or 4 dims. */
export function attentionOfOnnx(call: NodeCall): Outputs {
  if (call.allData().every((value) => value.kind === 'same')) return ANY_CONSTANT;
  const x = rowsFirst(call.data(0), 'its query');
  for (const i of [1, 2, 4, 5]) {
    if (call.has(i) && !isFirstOf(rowsFirst(call.data(i), 'an input'), x)) throw undecided('it combines other rows');
  }
  checkMask(call, x);
  if (call.inputs.length > 6) throw undecided('it has inputs of other kinds');
  const { dims } = x;
  const four = rows([dims[0]!, ...call.unknownDims(3)], x.axis);
  return [dims.length === 4 ? four : rows([dims[0]!, ...call.unknownDims(2)], x.axis), four, four, four];
}

/** Broadcast to [batch, heads, to, from]. */
function checkMask(call: NodeCall, x: Rows): void {
  if (!call.has(3)) return;
  const mask = call.data(3);
  if (mask.kind === 'rows') {
    if (mask.dims.length !== 4 || !isFirstOf(mask, x)) throw mixed('its mask is broadcast to other rows');
  } else if (mask.dims === undefined || (mask.dims.length > 3 && !isSameSize(mask.dims[0], ONE))) {
    throw undecided('its mask may be of a fixed number of rows');
  }
}

const shared: Rule = () => {
  throw mixed('its scale is taken from the values of all rows');
};

/** Each row is filled up to the longest of all. */
function tokenizer(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  throw undecided('it fills up each row to the longest of all');
}

export const MICROSOFT_RULES: Rules = {
  ...MICROSOFT_MATRIX_RULES,
  ...each('Gelu QuickGelu BiasGelu FastGelu', elementwise),
  ...each('QLinearAdd QLinearMul', qLinearBinary),
  ...each('QLinearSigmoid QLinearLeakyRelu', qLinearUnary),
  ...each('LayerNormalization SimplifiedLayerNormalization', layerNorm),
  ...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', skipLayerNorm),
  ...each('DynamicQuantizeLSTM', shared),
  QLinearGlobalAveragePool: qLinearGlobalPool,
  QLinearConcat: qLinearConcat,
  QLinearSoftmax: qLinearSoftmax,
  EmbedLayerNormalization: embedLayerNorm,
  Attention: attention,
  QAttention: qAttention,
  MultiHeadAttention: multiHeadAttention,
  Tokenizer: tokenizer,
  QuantizeLinear: ELEMENTWISE_RULES['QuantizeLinear']!,
  DequantizeLinear: ELEMENTWISE_RULES['DequantizeLinear']!,
};
