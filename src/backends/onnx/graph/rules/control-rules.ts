/** If: its branches see the values around it. Loop and Scan are not followed. */
import type { NodeCall, Outputs, Rule, Rules } from '../node-call.ts';
import { isSameSize, numberOf } from '../size.ts';
import { type Known, mixed, rows, same, undecided, type Value } from '../value.ts';
import { each } from './elementwise-rules.ts';

function branch(call: NodeCall): Outputs {
  const condition = call.inputs[0];
  const [yes, no] = [call.graph('then_branch'), call.graph('else_branch')];
  if (condition === undefined || yes === undefined || no === undefined) throw undecided('it lacks a branch');
  if (condition.kind === 'rows') throw mixed('which branch runs depends on the rows');
  const known = numberOf(call.following.elements(condition)?.[0]);
  if (known !== undefined) return call.following.branch(known === 0 ? no : yes);
  if (condition.kind === 'counts') throw mixed('which branch runs depends on the number of rows');
  const [first, second] = [call.following.branch(yes), call.following.branch(no)];
  return first.map((value, i) => either(call, value, second[i]));
}

/** What is true of both values. */
function either(call: NodeCall, a: Value, b: Value | undefined): Value {
  if (b === undefined) throw undecided('its branches have different outputs');
  if (a.kind === 'lost' || b.kind === 'lost') return a.kind === 'lost' ? a : b;
  if (a.kind === 'counts' || b.kind === 'counts') throw undecided('a branch gives the number of rows');
  if (a.kind !== b.kind) throw undecided('one branch gives rows, the other a constant');
  if (a.dims === undefined || b.dims?.length !== a.dims.length) {
    if (a.kind === 'same') return same(undefined);
    throw undecided('its branches have different ranks');
  }
  const dims = a.dims.map((dim, i) => (isSameSize(dim, b.dims![i]) ? dim : call.unknownDim()));
  if (a.kind === 'same') return same(dims);
  if (!hasSameAxis(a, b)) throw undecided('its branches have the rows on different axes');
  return rows(dims.with(a.axis.at, a.dims[a.axis.at]!), a.axis);
}

function hasSameAxis(a: Known, b: Known): boolean {
  if (a.kind !== 'rows' || b.kind !== 'rows' || a.axis.at !== b.axis.at) return false;
  return isSameSize(a.axis.inner, b.axis.inner) && isSameSize(a.axis.outer, b.axis.outer);
}

const notFollowed: Rule = () => {
  throw undecided('loops are not followed');
};

export const CONTROL_RULES: Rules = { If: branch, ...each('Loop Scan SequenceMap', notFollowed) };
