/** Attention of transformers as one op, of ai.onnx and com.microsoft: [batch, time, …], a row for each batch index. */
import { broadcast } from '../broadcast.ts';
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rules } from '../node-call.ts';
import { isSameSize, ONE } from '../size.ts';
import { type Known, mixed, movedTo, type Rows, rows, undecided } from '../value.ts';
import { checkOnes, isOne } from './elementwise-rules.ts';

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
  return value.axis.at === 0 && isMergedAlike(value, x);
}

function isMergedAlike(value: Rows, x: Rows): boolean {
  return isSameSize(value.axis.inner, x.axis.inner) && isSameSize(value.axis.outer, x.axis.outer);
}

function isForAll(bias: Known): boolean {
  return bias.dims?.length === 4 && isSameSize(bias.dims[0], ONE);
}

/** Past keys and values [2, batch, heads, time, size]. */
function checkPast(call: NodeCall, i: number, at: number, x: Rows): void {
  if (!call.has(i)) return;
  const past = call.data(i);
  if (past.kind !== 'rows' || past.axis.at !== at) throw mixed('its past is not of the rows');
  if (!isMergedAlike(past, x)) throw undecided('its past may be of other rows');
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
  if (call.has(places.mask) && !isFirstOf(rowsFirst(call.data(places.mask), 'its mask'), x)) {
    throw undecided('its mask may be of other rows');
  }
  checkPast(call, places.past, 1, x);
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
  for (const i of [6, 7]) checkPast(call, i, 0, x);
  if (call.inputs.length > 8) throw undecided('it has inputs of other kinds');
  const present = rows([x.dims[0]!, ...call.unknownDims(3)], x.axis);
  return [rows([x.dims[0]!, ...call.unknownDims(2)], x.axis), present, present];
}

/** ai.onnx: query, key, value, mask, past keys, past values, in 3 or 4 dims. */
function attentionOfOnnx(call: NodeCall): Outputs {
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

/** Angles by the place of each token. Inputs: x, angles' cosines and sines, and perhaps the places. */
function rotary(call: NodeCall): Outputs {
  return rotated(call, { places: 3, tables: [1, 2] });
}

/** Inputs: x, the places, cosines and sines. */
function rotaryOfMicrosoft(call: NodeCall): Outputs {
  return rotated(call, { places: 1, tables: [2, 3] });
}

function rotated(call: NodeCall, inputs: { readonly places: number; readonly tables: readonly number[] }): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return ANY_CONSTANT;
  rowsFirst(x, 'its input');
  const places = call.has(inputs.places) ? call.data(inputs.places) : undefined;
  // The first of all places, or a place for each token of each row.
  const isForAllRows = places?.kind === 'same' && isOne(places);
  if (places !== undefined && !isForAllRows && !(places.kind === 'rows' && isFirstOf(places, x))) {
    throw undecided('its places may be of other rows');
  }
  for (const i of inputs.tables) {
    if (places !== undefined) call.constant(i, 'a table');
    else if (!isFirstOf(rowsFirst(call.data(i), 'a table'), x)) throw undecided('its tables may be of other rows');
  }
  return x;
}

export const ATTENTION_RULES: Rules = { Attention: attentionOfOnnx, RotaryEmbedding: rotary };

export const MICROSOFT_ATTENTION_RULES: Rules = {
  EmbedLayerNormalization: embedLayerNorm,
  Attention: attention,
  QAttention: qAttention,
  MultiHeadAttention: multiHeadAttention,
  RotaryEmbedding: rotaryOfMicrosoft,
};
