/** Products of matrices. The axis that is summed over must not be the rows'. */
import { broadcast } from '../broadcast.ts';
import { ANY_CONSTANT, type NodeCall, type Outputs, type Rules } from '../node-call.ts';
import { isSameSize, numberOf, ONE, type Size } from '../size.ts';
import { along, axisOf, type Dims, type Known, mixed, movedTo, type RowAxis, same, undecided } from '../value.ts';
import { isOne } from './elementwise-rules.ts';

const CONTRACTS = 'it sums over the axis of the rows';

/** A stack of matrices, with 1-D operands made matrices. */
interface Matrices {
  readonly lead: Known;
  /** The two dims of a matrix. */
  readonly dims: readonly [Dims[number], Dims[number]];
  /** The rows' place in a matrix: 0 or 1; undefined if they are not in it. */
  readonly at: number | undefined;
  readonly axis: RowAxis | undefined;
}

function matricesOf(x: Known, dims: Dims, axis: RowAxis | undefined): Matrices {
  const rank = dims.length;
  const isInLead = axis !== undefined && axis.at < rank - 2;
  return {
    lead: along(dims.slice(0, -2), isInLead ? axis : undefined),
    dims: [dims[rank - 2]!, dims[rank - 1]!],
    at: axis === undefined || isInLead ? undefined : axis.at - (rank - 2),
    axis: axisOf(x),
  };
}

/** Multiplies like NumPy's matmul. */
function matMul(call: NodeCall, a: Known, b: Known): Known {
  if (a.dims === undefined || b.dims === undefined) return productOfUnknown(a, b);
  const isRow = a.dims.length === 1;
  const isColumn = b.dims.length === 1;
  if (a.dims.length === 0 || b.dims.length === 0) throw undecided('it multiplies a scalar');
  const aAxis = axisOf(a);
  const left = matricesOf(a, isRow ? [ONE, ...a.dims] : a.dims, isRow ? aAxis && movedTo(aAxis, 1) : aAxis);
  const right = matricesOf(b, isColumn ? [...b.dims, ONE] : b.dims, axisOf(b));
  if (left.at === 1 || right.at === 0) throw mixed(CONTRACTS);
  checkContracted(left.dims[1], right.dims[0]);
  const lead = broadcast(call, [left.lead, right.lead]);
  const rank = lead.dims!.length;
  const dims = [...lead.dims!, ...(isRow ? [] : [left.dims[0]]), ...(isColumn ? [] : [right.dims[1]])];
  const places = [
    axisOf(lead),
    left.at === 0 ? movedTo(left.axis!, rank) : undefined,
    right.at === 1 ? movedTo(right.axis!, isRow ? rank : rank + 1) : undefined,
  ].filter((axis) => axis !== undefined);
  if (places.length > 1) throw mixed('it combines each row with every other');
  return along(dims, places[0]);
}

/** Throws RowsLost for sums over no elements: ONNX Runtime leaves what was in the memory of the result before. */
function checkContracted(...dims: readonly Size[]): void {
  if (dims.some((dim) => numberOf(dim) === 0)) throw undecided('it sums over a dim of 0');
}

function productOfUnknown(a: Known, b: Known): Known {
  if (a.kind === 'same' && b.kind === 'same') return ANY_CONSTANT;
  // A constant matrix of unknown rank may still be a weight, but not surely.
  throw undecided('an operand has a rank that is not known');
}

/** The value with the last two axes swapped. */
export function transposed(x: Known): Known {
  const { dims } = x;
  if (dims === undefined || dims.length < 2) return x;
  const rank = dims.length;
  const swapped = [...dims.slice(0, -2), dims[rank - 1]!, dims[rank - 2]!];
  const axis = axisOf(x);
  if (axis === undefined || axis.at < rank - 2) return along(swapped, axis);
  return along(swapped, movedTo(axis, axis.at === rank - 1 ? rank - 2 : rank - 1));
}

/** Gemm: A·B + C, with A or B transposed where the attributes say so. */
function gemm(call: NodeCall): Outputs {
  const a = call.int('transA', 0) === 0 ? call.data(0) : transposed(call.data(0));
  const b = call.int('transB', 0) === 0 ? call.data(1) : transposed(call.data(1));
  const product = matMul(call, a, b);
  return call.has(2) ? broadcast(call, [product, call.data(2)]) : product;
}

function fusedMatMul(call: NodeCall): Outputs {
  if (call.int('transBatchA', 0) !== 0 || call.int('transBatchB', 0) !== 0) throw undecided('it transposes batches');
  const a = call.int('transA', 0) === 0 ? call.data(0) : transposed(call.data(0));
  const b = call.int('transB', 0) === 0 ? call.data(1) : transposed(call.data(1));
  return matMul(call, a, b);
}

/** Throws RowsLost if scale or zero point `i` belongs to the rows' axis `at` of its operand. */
export function checkScale(call: NodeCall, i: number, operand: Known, isOfAxis: (fromEnd: number) => boolean): void {
  const scale = call.constant(i, 'a scale or zero point');
  if (scale === undefined || operand.kind === 'same' || isOne(scale)) return;
  const isRowScale = isOfAxis(operand.dims.length - 1 - operand.axis.at);
  if (isRowScale || scale.dims?.length !== 1) throw undecided('each row may have a scale of its own place');
}

function matMulInteger(call: NodeCall): Outputs {
  const [a, b] = [call.data(0), call.data(1)];
  // A vector is one value for each index of A's last but one axis, and of B's last.
  checkScale(call, 2, a, (fromEnd) => fromEnd === 1);
  checkScale(call, 3, b, (fromEnd) => fromEnd === 0);
  return matMul(call, a, b);
}

/** Inputs: A, its scale and zero point, B, its scale and zero point, those of the result. */
function qLinearMatMul(call: NodeCall): Outputs {
  const [a, b] = [call.data(0), call.data(3)];
  for (const i of [1, 2]) checkScale(call, i, a, (fromEnd) => fromEnd === 1);
  for (const i of [4, 5]) checkScale(call, i, b, (fromEnd) => fromEnd === 0);
  const y = matMul(call, a, b);
  for (const i of [6, 7]) checkScale(call, i, y, () => true);
  return y;
}

/** Inputs: A, B, scales of A and B, zero points of A and B, bias. */
function matMulIntegerToFloat(call: NodeCall): Outputs {
  const [a, b] = [call.data(0), call.data(1)];
  for (const i of [2, 4]) checkScale(call, i, a, () => true);
  for (const i of [3, 5]) checkScale(call, i, b, (fromEnd) => fromEnd === 0);
  const y = matMul(call, a, b);
  return call.has(6) ? broadcast(call, [y, call.data(6)]) : y;
}

function einsum(call: NodeCall): Outputs {
  const inputs = call.allData();
  const { terms, output } = parseEquation(call.text('equation'));
  if (terms.length !== inputs.length) throw undecided('its equation has other operands');
  const sizes = new Map<string, Dims[number]>();
  let axis: RowAxis | undefined;
  let label: string | undefined;
  for (const [i, x] of inputs.entries()) {
    const term = terms[i]!;
    if (x.dims?.length !== term.length) throw undecided('its equation does not fit the rank of an operand');
    for (const [at, name] of term.entries()) if (isSameSize(sizes.get(name) ?? ONE, ONE)) sizes.set(name, x.dims[at]!);
    if (x.kind === 'same') continue;
    if (label !== undefined && label !== term[x.axis.at]) throw mixed('it combines each row with every other');
    label = term[x.axis.at]!;
    if (axis !== undefined && (axis.inner.key !== x.axis.inner.key || axis.outer.key !== x.axis.outer.key)) {
      throw undecided('it combines rows that are merged with other dims in two ways');
    }
    axis = x.axis;
    sizes.set(label, x.dims[x.axis.at]!);
  }
  const dims = output.map((name) => sizes.get(name) ?? call.unknownDim());
  checkContracted(...sizes.values());
  if (label === undefined) return same(dims);
  checkLabel(label, terms, inputs, output);
  return along(dims, { ...axis!, at: output.indexOf(label) });
}

function checkLabel(label: string, terms: readonly Term[], inputs: readonly Known[], output: Term): void {
  if (!output.includes(label)) throw mixed(CONTRACTS);
  for (const [i, term] of terms.entries()) {
    const count = term.filter((name) => name === label).length;
    if (count > 1) throw mixed('it takes a diagonal of the rows');
    if (count === 1 && inputs[i]!.kind === 'same') throw mixed('a constant has a value of its own for each row');
  }
}

type Term = readonly string[];

function parseEquation(equation: string): { readonly terms: readonly Term[]; readonly output: Term } {
  const text = equation.replaceAll(' ', '');
  if (text.includes('.')) throw undecided('its equation has an ellipsis');
  const [left, right] = text.split('->');
  const terms = (left ?? '').split(',').map((term) => [...term]);
  if (right !== undefined) return { terms, output: [...right] };
  const all = terms.flat();
  const once = [...new Set(all)].filter((name) => all.indexOf(name) === all.lastIndexOf(name));
  return { terms, output: once.sort((a, b) => placeOf(a) - placeOf(b)) };
}

/** ONNX Runtime has capital letters behind small ones. */
function placeOf(label: string): number {
  return label.charCodeAt(0) + (label < 'a' ? 256 : 0);
}

export const MATRIX_RULES: Rules = {
  MatMul: (call) => matMul(call, call.data(0), call.data(1)),
  Gemm: gemm,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  Einsum: einsum,
};

export const MICROSOFT_MATRIX_RULES: Rules = {
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  FusedGemm: gemm,
  MatMulIntegerToFloat: matMulIntegerToFloat,
  MatMulNBits: (call) => packedMatMul(call),
  DynamicQuantizeMatMul: () => {
    throw mixed('its scale is taken from the values of all rows');
  },
};

/** Weights of N columns, packed. */
function packedMatMul(call: NodeCall): Outputs {
  const a = call.data(0);
  for (let i = 1; i < call.inputs.length; i++) call.constant(i, 'a weight');
  const columns = call.unknownDim();
  if (a.dims === undefined || a.dims.length < 2) throw undecided('its operand has a rank that is not known');
  if (a.kind === 'rows' && a.axis.at === a.dims.length - 1) throw mixed(CONTRACTS);
  return along(a.dims.with(-1, columns), axisOf(a));
}
