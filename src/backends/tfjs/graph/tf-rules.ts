/** The rules of TensorFlow's ops, and the facts of ops without one. */

import type { NodeProto } from '../../graph/graph-proto.ts';
import type { Outputs } from '../../graph/node-call.ts';
import { chosenBranch } from '../../graph/rules/control-rules.ts';
import { everyRound } from '../../graph/rules/loop-rules.ts';
import { sizeOf } from '../../graph/size.ts';
import { type Known, mixed, same, undecided, type Value } from '../../graph/value.ts';
import { ELEMENTWISE_RULES } from './rules/elementwise-rules.ts';
import { IMAGE_RULES } from './rules/image-rules.ts';
import { LAYOUT_RULES } from './rules/layout-rules.ts';
import { EMPTY_LIST, LIST_RULES } from './rules/list-rules.ts';
import { each, type TfRule, type TfRules } from './rules/tf-rule.ts';
import type { TfCall } from './tf-call.ts';

/** A constant; where its type or length hides the values, only its dims. */
function constant(call: TfCall): Outputs {
  const tensor = call.node.attributes.get('value')?.tensor;
  const dims = tensor?.dims;
  if (dims?.every((dim) => dim >= 0) !== true) return same(undefined);
  return same(
    dims.map((dim) => sizeOf(dim)),
    tensor?.elements?.map((element) => sizeOf(element)),
  );
}

/** A variable's handle stands for its value, which no request changes: an op that did has no rule. */
function variable(call: TfCall): Outputs {
  const shape = call.node.attributes.get('shape');
  if (shape === undefined || shape.hasOther || shape.ints.some((dim) => dim < 0)) return same(undefined);
  return same(shape.ints.map((dim) => sizeOf(dim)));
}

function passed(call: TfCall): Outputs {
  return call.values;
}

function nothing(): Outputs {
  return [];
}

/** Input 0 is the condition, the others are the branches' inputs. */
function branch(call: TfCall): Outputs {
  const condition = call.values[0];
  // A list is true if it has elements, whatever they are.
  if (condition?.kind !== 'lost' && condition?.dims?.length !== 0 && call.elements(0) !== undefined) {
    throw undecided('its condition is a list');
  }
  const inputs = call.values.slice(1);
  return chosenBranch(call, (isTrue) => call.called(isTrue ? 'then_branch' : 'else_branch', inputs));
}

/** Its states are the inputs of both functions: one says whether there is another round, one makes it. */
function loop(call: TfCall): Outputs {
  const body = (inputs: readonly Value[]): readonly Value[] => call.called('body', inputs);
  const { states } = everyRound(call, body, withSetLists(call.allData(), body), (of) => of, 0);
  const [goesOn] = call.called('cond', states);
  if (goesOn?.kind === 'lost') return states.map(() => goesOn);
  if (goesOn?.kind !== 'same') throw mixed('how many rounds it makes depends on the rows');
  return states;
}

/** A list that the body fills is what it is after one round. */
function withSetLists(first: readonly Known[], body: (inputs: readonly Value[]) => readonly Value[]): readonly Known[] {
  if (!first.includes(EMPTY_LIST)) return first;
  const once = body(first);
  return first.map((state, i) => {
    const set = state === EMPTY_LIST ? once[i] : undefined;
    return set?.kind === 'same' || set?.kind === 'rows' ? set : state;
  });
}

const PASSED = 'Identity IdentityN ReadVariableOp StopGradient PreventGradient Snapshot PlaceholderWithDefault';

const STATE_RULES: TfRules = {
  ...each('Const HostConst', constant),
  ...each('VarHandleOp Variable VariableV2', variable),
  ...each(PASSED, passed),
  ...each('NoOp Assert PrintV2', nothing),
  ...each('If StatelessIf', branch),
  ...each('While StatelessWhile', loop),
};

const RULES: TfRules = { ...STATE_RULES, ...LIST_RULES, ...ELEMENTWISE_RULES, ...LAYOUT_RULES, ...IMAGE_RULES };

export function tfRuleOf(op: string): TfRule | undefined {
  return Object.hasOwn(RULES, op) ? RULES[op] : undefined;
}

/** The ops whose results may be inputs of theirs, or values of the functions that they call, as these are. */
const HAND_ON = new Set([
  ...PASSED.split(' '),
  ...['If', 'StatelessIf', 'While', 'StatelessWhile', 'Slice', 'StridedSlice'],
  ...Object.keys(LIST_RULES),
]);

/** Whether the op gives its inputs themselves where its rule returns them; others give values of equal dims. */
export function handsOn(op: string): boolean {
  return HAND_ON.has(op);
}

/** They read values and give none: a check that fails ends the run, and changes no answer. */
export function hasNoEffect({ op }: NodeProto): boolean {
  return op === 'NoOp' || op === 'Assert' || op === 'PrintV2';
}

/** Ops that remember, draw lots, or read what is not in the model. */
const NOT_REPEATABLE =
  /Random|TruncatedNormal|Stateful(Uniform|Standard)|NonDeterministic|CandidateSampler|Distorted|TensorArray|GetSession|RecordInput|Multinomial|StatelessSample|Assign|Mutable|Queue|Stack|Iterator|Dataset|Barrier|Accumulator|PyFunc|Generator|Rng|Import|Insert|Remove|Scatter|Placeholder|Save|Restore|Write|ReadFile|MatchingFiles|Reader|Send|Recv|Timestamp|Summary|Map(Stage|Unstage)|^(Un)?[Ss]tage$|Mutex|Custom|Remote|Xla|Infeed|Outfeed|Collective/;

/** Whether the op gives equal outputs for equal inputs: they are the same for all requests if its inputs are. */
export function isRepeatable(op: string): boolean {
  return !NOT_REPEATABLE.test(op);
}
