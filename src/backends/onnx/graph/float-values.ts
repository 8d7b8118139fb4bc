/**
 * Finds the values of a graph that are floats for sure, for work-bounds.ts and value-types.ts. ONNX Runtime divides integers by the
 * processor's own instruction, which ends the process for the lowest number by -1; floats have no such case.
 */
import { isFloatType, type NodeProto } from '../../graph/graph-proto.ts';

/** A node's inputs, as far as they are known; undefined = left out. */
type Inputs = readonly ({ readonly isFloat?: boolean | undefined } | undefined)[];

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** The ops whose outputs are no floats for sure, whatever their inputs are: integers, flags, texts, or not known. */
const NO_FLOATS = names(
  'And ArgMax ArgMin BitwiseAnd BitwiseNot BitwiseOr BitwiseXor ConvInteger DynamicQuantizeLinear Equal Greater ' +
    'GreaterOrEqual IsInf IsNaN Less LessOrEqual MatMulInteger Multinomial NonMaxSuppression NonZero Not Or ' +
    'QLinearConv QLinearMatMul QuantizeLinear SequenceLength Shape Size StringConcat StringSplit Xor',
);
/** The ops whose outputs are floats. */
const FLOATS = names(
  'Bernoulli BlackmanWindow DequantizeLinear EmbedLayerNormalization HammingWindow HannWindow MatMulNBits ' +
    'MelWeightMatrix RandomNormal RandomNormalLike RandomUniform RandomUniformLike',
);
/** The ops whose further inputs have a type of their own. */
const AS_FIRST = names('Pow Resize Scatter ScatterElements ScatterND Upsample');
/** Only their first output has the type of their inputs: the others are positions, or flags. */
const FIRST_OUTPUT = names('Dropout MaxPool TopK Unique');

/** Whether output `index` of a node that holds no graph is one of floats. False = it may have integers. */
export function givesFloats(node: NodeProto, inputs: Inputs, index: number): boolean {
  const { op, attributes } = node;
  if (FLOATS.has(op)) return true;
  if (NO_FLOATS.has(op) || (index > 0 && FIRST_OUTPUT.has(op))) return false;
  switch (op) {
    case 'Constant':
      return (
        attributes.has('value_float') ||
        attributes.has('value_floats') ||
        attributes.get('value')?.tensor?.isFloat === true
      );
    case 'ConstantOfShape':
      return attributes.get('value')?.tensor?.isFloat ?? true;
    case 'Cast':
      return isFloatType(attributes.get('to')?.int ?? 0);
    case 'CastLike':
      return isFloat(inputs[1]);
    case 'EyeLike':
      return isFloatType(attributes.get('dtype')?.int ?? 0);
    case 'OneHot':
      return isFloat(inputs[2]);
  }
  return AS_FIRST.has(op) ? isFloat(inputs[0]) : inputs.some(isFloat);
}

function isFloat(value: Inputs[number]): boolean {
  return value?.isFloat === true;
}
