/** com.microsoft: ops of ONNX Runtime's optimizer and quantizer that exported models have. */
import { broadcast } from '../broadcast.ts';
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { type Known, mixed, undecided } from '../value.ts';
import { MICROSOFT_ATTENTION_RULES } from './attention-rules.ts';
import { checkApart, layerNorm, reduced } from './axis-rules.ts';
import { checkOnes, ELEMENTWISE_RULES, each, elementwise } from './elementwise-rules.ts';
import { concatOf } from './layout-rules.ts';
import { MICROSOFT_MATRIX_RULES } from './matrix-rules.ts';

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
  ...MICROSOFT_ATTENTION_RULES,
  ...each('Gelu QuickGelu BiasGelu FastGelu', elementwise),
  ...each('QLinearAdd QLinearMul', qLinearBinary),
  ...each('QLinearSigmoid QLinearLeakyRelu', qLinearUnary),
  ...each('LayerNormalization SimplifiedLayerNormalization', layerNorm),
  ...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', skipLayerNorm),
  ...each('DynamicQuantizeLSTM', shared),
  QLinearGlobalAveragePool: qLinearGlobalPool,
  QLinearConcat: qLinearConcat,
  QLinearSoftmax: qLinearSoftmax,
  Tokenizer: tokenizer,
  QuantizeLinear: ELEMENTWISE_RULES['QuantizeLinear']!,
  DequantizeLinear: ELEMENTWISE_RULES['DequantizeLinear']!,
};
