/** If: its branches see the values around it. */
import { Fork, type NodeCall, type Outputs, type Rules } from '../node-call.ts';
import { type Element, isSameSize, numberOf } from '../size.ts';
import { mixed, RowsLost, rows, same, undecided, type Value } from '../value.ts';
import { hasSameAxis, LOOP_RULES } from './loop-rules.ts';

function branch(call: NodeCall): Outputs {
  const [yes, no] = [call.graph('then_branch'), call.graph('else_branch')];
  if (yes === undefined || no === undefined) throw undecided('it lacks a branch');
  return chosenBranch(call, (isTrue) => call.following.branch(isTrue ? yes : no, []));
}

/** The outputs of the branch that input 0 chooses. */
export function chosenBranch(call: NodeCall, outputsOf: (isTrue: boolean) => readonly Value[]): Outputs {
  const condition = call.inputs[0];
  if (condition === undefined) throw undecided('it lacks a condition');
  if (condition.kind === 'rows') throw mixed('which branch runs depends on the rows');
  const element = call.following.elements(condition)?.[0];
  const number = numberOf(element);
  const known = number === undefined ? element && call.following.assumed(element) : number !== 0;
  if (known !== undefined) return outputsOf(known);
  if (condition.kind === 'counts') throw mixed('which branch runs depends on the number of rows');
  return joined(call, element, outputsOf(true), outputsOf(false));
}

/** The values that hold for both branches. Throws Fork where these say too little. */
function joined(call: NodeCall, condition: Element, yes: readonly Value[], no: readonly Value[]): readonly Value[] {
  try {
    return yes.map((value, i) => either(call, value, no[i]));
  } catch (error) {
    throw error instanceof RowsLost && condition !== undefined ? new Fork(condition) : error;
  }
}

/** The value that holds for both. */
function either(call: NodeCall, a: Value, b: Value | undefined): Value {
  if (b === undefined) throw undecided('its graphs have different outputs');
  if (a.kind === 'lost') return a.verdict === 'fails' ? b : a;
  if (b.kind === 'lost') return b.verdict === 'fails' ? a : b;
  if (a.kind === 'counts' || b.kind === 'counts') throw undecided('one of its values is the number of rows');
  if (a.kind !== b.kind) throw undecided('one of two values has rows, the other is a constant');
  if (a.dims === undefined || b.dims?.length !== a.dims.length) {
    if (a.kind === 'same') return same(undefined);
    throw undecided('two of its values have different ranks');
  }
  const dims = a.dims.map((dim, i) => (isSameSize(dim, b.dims![i]) ? dim : call.unknownDim()));
  if (a.kind === 'same') return same(dims);
  if (!hasSameAxis(a, b)) throw undecided('two of its values have the rows on different axes');
  return rows(dims.with(a.axis.at, a.dims[a.axis.at]!), a.axis);
}

export const CONTROL_RULES: Rules = { If: branch, ...LOOP_RULES };
