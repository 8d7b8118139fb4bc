/**
 * Loop and Scan. Their graphs see the values around them. What a loop carries must look alike in all rounds: as before
 * the first, or else with dims that are unknown but for the rows.
 */
import { axisFromFront, type NodeCall, type Outputs, type Rule, type Rules } from '../node-call.ts';
import { isSameSize, type Size } from '../size.ts';
import { type Known, mixed, movedTo, rows, same, undecided, type Value } from '../value.ts';
import { checkApart, reduced } from './axis-rules.ts';

/** The values of a body in every round. */
interface Round {
  /** The carried values after any number of rounds. */
  readonly states: readonly Known[];
  readonly outputs: readonly Value[];
}

export function hasSameAxis(a: Known, b: Value): boolean {
  if (a.kind !== 'rows' || b.kind !== 'rows' || a.axis.at !== b.axis.at || a.dims.length !== b.dims.length)
    return false;
  return isSameSize(a.axis.inner, b.axis.inner) && isSameSize(a.axis.outer, b.axis.outer);
}

/** Returns a body's outputs for its inputs. */
type Body = (inputs: readonly Value[]) => readonly Value[];

/** `inputsOf` gives the body's inputs for its states, which its outputs have from `statesAt` on. */
export function everyRound(
  call: NodeCall,
  body: Body,
  first: readonly Known[],
  inputsOf: (states: readonly Known[]) => readonly Value[],
  statesAt: number,
): Round {
  const plain = first.map(withoutElements);
  const outputs = bodyOutputs(body(inputsOf(plain)));
  const isKept = plain.map((state, i) => isAlike(state, outputs[statesAt + i]));
  if (!isKept.includes(false)) return { states: plain.map(withoutElements), outputs };
  const some = plain.map((state, i) => (isKept[i] ? state : widened(call, state)));
  const mostly = bodyOutputs(body(inputsOf(some)));
  const isCovered = some.map((state, i) => (isKept[i] ? isAlike : covers)(state, mostly[statesAt + i]));
  if (!isCovered.includes(false)) {
    return { states: some.map((state, i) => (isKept[i] ? state : widened(call, state))), outputs: mostly };
  }
  const wide = plain.map((state) => widened(call, state));
  const again = bodyOutputs(body(inputsOf(wide)));
  if (!wide.every((state, i) => covers(state, again[statesAt + i]))) {
    throw undecided('what it carries is not the same kind of value in all rounds');
  }
  return { states: wide.map((state) => widened(call, state)), outputs: again };
}

/** Elements may change from round to round: each time they are others, also where they are no more than symbols. */
function withoutElements(state: Known): Known {
  return state.kind === 'same' ? same(state.dims) : state;
}

function bodyOutputs(outputs: readonly Value[]): readonly Value[] {
  for (const value of outputs) {
    if (value.kind === 'lost') throw value.verdict === 'mixed' ? mixed(value.reason) : undecided(value.reason);
    if (value.kind === 'counts') throw mixed('a round computes with the number of rows');
  }
  return outputs;
}

/** The same kind, axis and dims; or it is handed on as it came. */
function isAlike(before: Known, after: Value | undefined): boolean {
  if (after === before) return true;
  if (after === undefined || after.kind !== before.kind || before.dims === undefined) return false;
  if (after.dims?.length !== before.dims.length) return false;
  const hasDims = before.dims.every((dim, i) => isSameSize(dim, after.dims![i]));
  return hasDims && (before.kind === 'same' || hasSameAxis(before, after));
}

/** The same value with dims that nothing else has. */
function widened(call: NodeCall, state: Known): Known {
  if (state.kind === 'same') return same(undefined);
  const dims = call.unknownDims(state.dims.length).with(state.axis.at, state.dims[state.axis.at]!);
  return rows(dims, state.axis);
}

function covers(before: Known, after: Value | undefined): boolean {
  return before.kind === 'same' ? after?.kind === 'same' : after !== undefined && hasSameAxis(before, after);
}

/** A value of each round, one behind the other along a new axis. */
function stacked(value: Value, at: number, count: Size): Value {
  if (value.kind !== 'rows') return same(undefined);
  const axis = axisFromFront(at, value.dims.length + 1);
  const dims = [...value.dims.slice(0, axis), count, ...value.dims.slice(axis)];
  return rows(dims, movedTo(value.axis, value.axis.at + (axis <= value.axis.at ? 1 : 0)));
}

function bodyOf(call: NodeCall): Body {
  const body = call.graph('body');
  if (body === undefined) throw undecided('it lacks a body');
  return (inputs) => call.following.branch(body, inputs);
}

/** Inputs: the most rounds, whether there is a first, what is carried. */
function loop(call: NodeCall): Outputs {
  for (const i of [0, 1]) call.constant(i, 'how many rounds it makes');
  const first = call.allData(2);
  const inputsOf = (states: readonly Known[]) => [same([]), same([]), ...states];
  const { states, outputs } = everyRound(call, bodyOf(call), first, inputsOf, 1);
  if (outputs[0]?.kind !== 'same') throw mixed('how many rounds it makes depends on the rows');
  return [...states, ...outputs.slice(1 + states.length).map((value) => stacked(value, 0, call.unknownDim()))];
}

/** Inputs: what is carried, and what is cut along an axis, a slice for each round. */
function scan(call: NodeCall): Outputs {
  // Before, the first axis was a batch of loops.
  if (call.opset < 9) throw undecided('its opset is older than 9');
  const inputs = call.allData();
  const cutCount = call.int('num_scan_inputs', 0);
  if (cutCount > inputs.length) throw undecided('it lacks inputs');
  const first = inputs.slice(0, inputs.length - cutCount);
  const slices = inputs.slice(first.length).map((value, i) => sliceOf(value, call.ints('scan_input_axes')?.[i] ?? 0));
  const { states, outputs } = everyRound(call, bodyOf(call), first, (of) => [...of, ...slices], 0);
  const axes = call.ints('scan_output_axes');
  const rest = outputs.slice(states.length).map((value, i) => stacked(value, axes?.[i] ?? 0, call.unknownDim()));
  return [...states, ...rest];
}

function sliceOf(value: Known, axis: number): Known {
  if (value.dims !== undefined) checkApart(value, axisFromFront(axis, value.dims.length), 'carries a state along');
  return reduced(value, [axis], false);
}

const notFollowed: Rule = () => {
  throw undecided('its sequences are not followed');
};

export const LOOP_RULES: Rules = { Loop: loop, Scan: scan, SequenceMap: notFollowed };
