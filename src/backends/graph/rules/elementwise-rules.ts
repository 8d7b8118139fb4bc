/** Ops that compute each element from the elements at its place, and those that convert types. */
import { broadcast } from '../broadcast.ts';
import { axisFromFront, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { isSameSize, ONE } from '../size.ts';
import { type Known, mixed, undecided } from '../value.ts';

const ELEMENTWISE =
  'Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil Celu ' +
  'Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN ' +
  'LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink ' +
  'Sigmoid Sign Sin Sinh Softplus Softsign Sqrt StringConcat RegexFullMatch Sub Sum Swish Tan Tanh ThresholdedRelu ' +
  'Trunc ParametricSoftplus ScaledTanh Where Xor';

/** A result of all inputs, broadcast. */
export const elementwise: Rule = (call) => broadcast(call, call.allData());

/** TensorProto.DataType of UINT32. */
const UINT32 = 12;

/** ONNX Runtime converts negative and large floats to uint32 in another way for the last of a tensor than for others. */
const MAY_BE_UINT32 = 'floats that do not fit uint32 become other numbers in company';

function cast(call: NodeCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'rows' && call.int('to', UINT32) === UINT32) throw undecided(MAY_BE_UINT32);
  return x;
}

/** The result is like the first input; the other says its type, which is known of floats alone. */
function castLike(call: NodeCall): Outputs {
  const x = call.data(0);
  const like = call.inputs[1];
  const isFloat = like !== undefined && call.following.isFloat(like);
  if (x.kind === 'rows' && !isFloat) throw undecided(MAY_BE_UINT32);
  return x;
}

/** Each name of the list, with spaces between, has the rule. */
export function each(names: string, rule: Rule): Rules {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

/** Throws RowsLost if a dropout or a normalisation is one of training. */
export function checkInference(call: NodeCall): void {
  if (call.int('training_mode', 0) !== 0) throw mixed('it trains');
}

function dropout(call: NodeCall): Outputs {
  const x = call.data(0);
  const training = call.inputs[2];
  if (training !== undefined && call.numbers(2)?.[0] !== 0) throw undecided('it may be of training, and random');
  return [x, x];
}

/** Scale and zero point: one for all, or one for each index of an axis that is not the rows'. */
function quantize(call: NodeCall): Outputs {
  const x = call.data(0);
  for (let i = 1; i < call.inputs.length; i++) {
    const scale = call.constant(i, 'its scale or zero point');
    if (scale === undefined || x.kind === 'same' || isOne(scale)) continue;
    if (scale.dims?.length !== 1) throw undecided('its scales are neither one nor a vector');
    const axis = axisFromFront(call.int('axis', 1), x.dims.length);
    if (axis === x.axis.at) throw mixed('each row has a scale of its own place');
  }
  return x;
}

/** Whether a constant is one element, for all rows the same. */
export function isOne(value: Known): boolean {
  return value.dims?.every((dim) => isSameSize(dim, ONE)) ?? false;
}

/** Throws RowsLost unless those inputs are one number each, or not there. */
export function checkOnes(call: NodeCall, ...places: readonly number[]): void {
  for (const i of places) {
    const scale = call.constant(i, 'a scale or zero point');
    if (scale !== undefined && !isOne(scale)) throw undecided('a scale or zero point is not one number');
  }
}

function dynamicQuantize(call: NodeCall): Outputs {
  if (call.data(0).kind === 'rows') throw mixed('its scale is taken from the values of all rows');
  return [];
}

export const ELEMENTWISE_RULES: Rules = {
  ...each(ELEMENTWISE, elementwise),
  Cast: cast,
  CastLike: castLike,
  Dropout: dropout,
  QuantizeLinear: quantize,
  DequantizeLinear: quantize,
  DynamicQuantizeLinear: dynamicQuantize,
};
