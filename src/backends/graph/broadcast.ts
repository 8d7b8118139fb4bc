/** Broadcasting as of NumPy: dims are aligned at the last, and a dim of 1 is repeated. */
import { ANY_CONSTANT, type NodeCall } from './node-call.ts';
import { isNumber, isSameSize, ONE, type Size } from './size.ts';
import { type Dims, type Known, mixed, movedTo, type RowAxis, rows, same, undecided } from './value.ts';

/**
 * An elementwise result of the operands. Throws RowsLost if rows meet those of another axis, or a constant that has
 * another value for each row.
 */
export function broadcast(call: NodeCall, operands: readonly Known[]): Known {
  const ranked = operands.filter((operand) => operand.dims !== undefined);
  const hasRows = operands.some((operand) => operand.kind === 'rows');
  if (ranked.length < operands.length) {
    if (!hasRows) return ANY_CONSTANT;
    throw undecided('an operand has a rank that is not known');
  }
  const dims = broadcastDims(
    call,
    ranked.map((operand) => operand.dims!),
  );
  if (!hasRows) return same(dims);
  const axis = commonAxis(operands, dims.length);
  for (const operand of operands) checkAligned(operand, axis, dims.length);
  const rowDim = operands.find((operand) => operand.kind === 'rows')!;
  const size = rowDim.dims![axis.at - (dims.length - rowDim.dims!.length)]!;
  return rows(dims.with(axis.at, size), axis);
}

/** The axis of the rows in a result of `rank` dims. */
function commonAxis(operands: readonly Known[], rank: number): RowAxis {
  let common: RowAxis | undefined;
  for (const operand of operands) {
    if (operand.kind !== 'rows') continue;
    const axis = movedTo(operand.axis, operand.axis.at + rank - operand.dims.length);
    common ??= axis;
    if (axis.at !== common.at) throw mixed(`it combines rows of axis ${common.at} with rows of axis ${axis.at}`);
    if (!isSameSize(axis.outer, common.outer) || !isSameSize(axis.inner, common.inner)) {
      throw undecided('it combines rows that are merged with other dims in two ways');
    }
  }
  return common!;
}

function checkAligned(operand: Known, axis: RowAxis, rank: number): void {
  if (operand.kind === 'rows') return;
  const dim = operand.dims![axis.at - (rank - operand.dims!.length)];
  if (dim === undefined || isSameSize(dim, ONE)) return;
  if (isNumber(dim)) throw mixed(`a constant has a value of its own for each of ${dim.factor} rows`);
  throw undecided('a constant may have a value of its own for each row');
}

function broadcastDims(call: NodeCall, operands: readonly Dims[]): Dims {
  const rank = Math.max(...operands.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, at) =>
    broadcastDim(
      call,
      operands.map((dims) => dims[at - (rank - dims.length)]).filter((dim) => dim !== undefined),
    ),
  );
}

function broadcastDim(call: NodeCall, sizes: readonly Size[]): Size {
  const others = sizes.filter((size) => !isSameSize(size, ONE));
  const [first] = others;
  if (first === undefined) return ONE;
  if (others.every((size) => isSameSize(size, first))) return first;
  return others.find(isNumber) ?? call.dimOf('broadcast', others);
}
