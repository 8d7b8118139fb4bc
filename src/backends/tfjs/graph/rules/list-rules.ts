/**
 * Lists of tensors, which loops read and write: a TensorList is followed as one tensor with the list's items one behind
 * the other along its first dim. All items are alike then, which TensorFlow demands of those that are stacked.
 */
import type { Outputs } from '../../../graph/node-call.ts';
import { checkApart } from '../../../graph/rules/axis-rules.ts';
import { type Known, mixed, movedTo, rows, type Same, same, undecided } from '../../../graph/value.ts';
import { scalarOf, type TfCall } from '../tf-call.ts';
import type { TfRules } from './tf-rule.ts';

/** Item i is what index i of the first dim has. */
function fromTensor(call: TfCall): Outputs {
  const x = call.data(0);
  if (x.kind === 'same') return same(x.dims);
  checkApart(x, 0, 'makes items of');
  return x;
}

/** A list whose items have not been set: what they are is known when one is. */
export const EMPTY_LIST: Same = same(undefined);

function reserved(call: TfCall): Outputs {
  const [shape, count] = call.values;
  if (shape?.kind === 'rows' || count?.kind === 'rows') throw undecided('its shape comes from the rows');
  // The shape of items may say how many rows they have.
  if (count?.kind === 'counts') throw mixed('it makes an item for each row');
  return EMPTY_LIST;
}

function item(call: TfCall): Outputs {
  const list = call.data(0);
  call.constant(1, 'its index');
  if (list.kind === 'same') return same(list.dims?.slice(1));
  // The index does not matter: all items are alike.
  return call.one('Gather', [list, scalarOf(0)], { axis: 0 });
}

/** The list has the rows where the item has them. */
function withItem(call: TfCall): Outputs {
  const list = call.data(0);
  call.constant(1, 'its index');
  const value = call.data(2);
  const added = listed(call, value);
  if (list.kind === 'same') return value.kind === 'same' && list.dims !== undefined ? same(list.dims) : added;
  const isAlike = added.kind === 'rows' && added.axis.at === list.axis.at && added.dims.length === list.dims.length;
  if (isAlike && added.axis.inner.key === list.axis.inner.key && added.axis.outer.key === list.axis.outer.key) {
    return list;
  }
  throw undecided('its items have the rows in different places');
}

function listed(call: TfCall, value: Known): Known {
  if (value.dims === undefined) return same(undefined);
  const dims = [call.unknownDim(), ...value.dims];
  return value.kind === 'same' ? same(dims) : rows(dims, movedTo(value.axis, value.axis.at + 1));
}

function length(call: TfCall): Outputs {
  const list = call.data(0);
  return call.one('Gather', [call.one('Shape', [list]), scalarOf(0)], { axis: 0 });
}

function stack(call: TfCall): Outputs {
  return call.data(0);
}

export const LIST_RULES: TfRules = {
  TensorListFromTensor: fromTensor,
  TensorListReserve: reserved,
  TensorListGetItem: item,
  TensorListSetItem: withItem,
  TensorListLength: length,
  TensorListStack: stack,
};
