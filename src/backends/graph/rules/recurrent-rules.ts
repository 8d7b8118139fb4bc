/** RNN, GRU, LSTM. Time runs along one axis and mixes it, the batch is another: 1, or 0 with layout 1. */
import type { NodeCall, Outputs, Rules } from '../node-call.ts';
import { sizeOf } from '../size.ts';
import { fails, type Known, mixed, movedTo, type Rows, rows, same } from '../value.ts';

/** Inputs that hold one value for each row, with their batch axis for layouts 0 and 1. Others are weights. */
const STATES: ReadonlyMap<number, readonly [number, number]> = new Map([
  [4, [0, 0]],
  [5, [1, 0]],
  [6, [1, 0]],
]);

function recurrent(call: NodeCall): Outputs {
  const x = call.data(0);
  const layout = call.int('layout', 0);
  if (x.dims !== undefined && x.dims.length !== 3) throw fails(`it takes 3 dims, not ${x.dims.length}`);
  for (let i = 1; i < call.inputs.length; i++) checkInput(call, i, x, layout);
  const directions = sizeOf(call.text('direction', 'forward') === 'bidirectional' ? 2 : 1);
  const hidden = call.hasAttribute('hidden_size') ? sizeOf(call.int('hidden_size', 1)) : call.unknownDim();
  if (x.kind === 'same') {
    const state = same(call.unknownDims(3));
    return [same(call.unknownDims(4)), state, state];
  }
  if (x.axis.at !== (layout === 0 ? 1 : 0)) {
    throw mixed(`it carries a state along axis ${x.axis.at}, which has the rows`);
  }
  const time = x.dims[layout === 0 ? 0 : 1]!;
  const batch = x.dims[x.axis.at]!;
  if (layout !== 0) {
    const state = rows([batch, directions, hidden], x.axis);
    return [rows([batch, time, directions, hidden], x.axis), state, state];
  }
  const state = rows([directions, batch, hidden], movedTo(x.axis, 1));
  return [rows([time, directions, batch, hidden], movedTo(x.axis, 2)), state, state];
}

function checkInput(call: NodeCall, i: number, x: Known, layout: number): void {
  if (!call.has(i)) return;
  const at = STATES.get(i)?.[layout === 0 ? 0 : 1];
  const value = call.data(i);
  if (at === undefined) call.constant(i, 'a weight');
  else if (x.kind === 'same' && value.kind === 'same') return;
  else if (!isStateOf(value, x, at)) throw mixed('its states are not those of the rows');
}

function isStateOf(value: Known, x: Known, at: number): value is Rows {
  if (value.kind !== 'rows' || x.kind !== 'rows' || value.axis.at !== at) return false;
  return value.axis.inner.key === x.axis.inner.key && value.axis.outer.key === x.axis.outer.key;
}

export const RECURRENT_RULES: Rules = { RNN: recurrent, GRU: recurrent, LSTM: recurrent };
