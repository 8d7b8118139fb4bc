/** The inputs that tell a model which step of a sequence its rows are of. */
import { Buffer } from 'node:buffer';
import type { DType } from '../../core/dtype.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { rowAxisOf, type Signature } from '../../core/signature.ts';
import { repeatedRows, type Tensor } from '../../core/tensor.ts';
import type { StepControl } from '../../models/loading/declared-state.ts';
import { unfitId } from './sequence-errors.ts';

/** The control's value for all rows of a step. Throws `invalid_request` for an id that the input cannot hold. */
export function controlOf(
  name: string,
  control: StepControl,
  signature: Pick<Signature, 'inputs' | 'batchAxes' | 'batchAxis' | 'hasRows'>,
  rows: number,
  step: SequenceStep,
): Tensor {
  const { dtype } = signature.inputs.get(name)!;
  const one = control.kind === 'id' ? idTensor(name, dtype, step.id) : flagTensor(dtype, control, step);
  return repeatedRows(one, rowAxisOf(signature as Signature, name) === undefined ? [1] : [rows, 1]);
}

function flagTensor(dtype: DType, control: Exclude<StepControl, { kind: 'id' }>, { start, end }: SequenceStep): Tensor {
  const isSet = { start, end, ready: true }[control.kind];
  return { dtype, shape: [1], data: isSet ? control.yes : control.no } as Tensor;
}

function idTensor(name: string, dtype: DType, id: string | bigint): Tensor {
  const text = String(id);
  if (dtype === 'string') return { dtype, shape: [1], data: [Buffer.from(text)] };
  const bits = dtype.endsWith('64') ? 64 : 32;
  const held = dtype.startsWith('u') ? BigInt.asUintN : BigInt.asIntN;
  const isNumber = /^-?[0-9]{1,20}$/.test(text);
  if (!isNumber && dtype !== 'uint64') throw unfitId(name, text, dtype);
  const value = isNumber ? BigInt(text) : hashOf(text);
  if (held(bits, value) !== value) throw unfitId(name, text, dtype);
  const data = Buffer.alloc(bits / 8);
  if (bits === 64) data.writeBigUInt64LE(BigInt.asUintN(64, value));
  else data.writeUInt32LE(Number(BigInt.asUintN(32, value)));
  return { dtype, shape: [1], data } as Tensor;
}

/** 64 bits of FNV-1a: the model gets the same number for each step of the sequence, whose key stays the text. */
function hashOf(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
