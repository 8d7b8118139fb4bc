/** The ops that take a part of a tensor: rows by their places, or between a start and an end. */
import {
  ANY_NUMBER,
  always,
  at,
  type Bounds,
  type Compute,
  type Curve,
  isPoint,
  LONGEST,
  point,
  varies,
} from './curves.ts';
import { type LengthCall, type LengthRule, Unfollowed } from './length-call.ts';
import {
  ANY_CONSTANT,
  constant,
  filled,
  hasLengthAxis,
  isConstant,
  isOfLengths,
  numbersOf,
  type Value,
} from './length-values.ts';

interface Cut {
  readonly axis: number;
  readonly start: Bounds;
  readonly end: Bounds;
  readonly step: number;
}

const slice: LengthRule = (call) => {
  const x = call.input(0);
  const [from, to] = [sliceEnds(call, 1, 'starts'), sliceEnds(call, 2, 'ends')];
  for (const value of [from, to, call.inputs[4]]) {
    for (const number of numbersOf(value) ?? []) call.found.constant(Math.abs(number));
  }
  const isByLength = from.isLength || to.isLength;
  const cuts = cutsOf(call, from, to);
  if (cuts === undefined) {
    if (isByLength && !x.isData) throw new Unfollowed(CHOSEN);
    return call.result({ dims: x.dims?.map(() => undefined), all: { ...x.all, isLoose: true }, from: [x] });
  }
  const dims = [...x.dims!];
  for (const cut of cuts) {
    const whole = dims[cut.axis];
    const part = sliced(call, whole, cut, isOfLengths(from) || isOfLengths(to));
    if (isConstant(x) && isByLength) call.found.constant(whole as number);
    if (isByLength && !x.isData && !isPoint(x.all) && isChosen(cut, whole, part)) throw new Unfollowed(CHOSEN);
    dims[cut.axis] = part;
  }
  const isList = cuts.length === 1 && x.dims!.length === 1 && x.elements !== undefined;
  const elements = isList ? picked(x, cuts[0]!) : undefined;
  const all = isOfLengths(x) && !isPoint(x.all) ? { ...x.all, isLoose: true } : x.all;
  return call.result({ dims, elements, from: [x], ...(elements === undefined && { all }) });
};

const CHOSEN = 'the length says which of some numbers it takes';
const CUT = 'where it cuts depends on the length, and nothing tells how';

/** Attributes before opset 10. */
function sliceEnds(call: LengthCall, i: number, name: string): Value {
  const list = call.ints(name);
  return call.inputs[i] ?? (list === undefined ? ANY_CONSTANT : constant({ dims: [list.length], elements: list }));
}

/** Undefined = not known. */
function cutsOf(call: LengthCall, { elements: starts }: Value, { elements: ends }: Value): readonly Cut[] | undefined {
  const { dims } = call.input(0);
  const axes =
    call.inputs[3] === undefined ? (call.ints('axes') ?? starts?.map((_, i) => i)) : numbersOf(call.inputs[3]);
  const steps = call.inputs[4] === undefined ? axes?.map(() => 1) : numbersOf(call.inputs[4]);
  if (dims === undefined || starts === undefined || ends === undefined) return undefined;
  return (
    steps &&
    axes?.map((given, i) => {
      const axis = call.axis(given, dims);
      if (axis === undefined) throw new Unfollowed(`it has no axis ${given}`);
      return { axis, start: starts[i]!, end: ends[i]!, step: steps[i]! };
    })
  );
}

/** The dim that is left of `dim`. A start or an end is counted from the back if it is below zero. */
function sliced(
  call: LengthCall,
  dim: Curve | undefined,
  { start, end, step }: Cut,
  isOfLength: boolean,
): Curve | undefined {
  for (const bound of [start, end].filter(varies)) {
    if (bound.isLoose && isOfLength && !always((x) => x >= 0, bound.lo, 0)) throw new Unfollowed(CUT);
    call.found.meetings(bound, point(0));
    if (dim !== undefined) call.found.meetings(bound, point(dim));
  }
  if (dim === undefined || !isPoint(start) || !isPoint(end)) return undefined;
  const compute = (size: number, from: number, to: number) => {
    return Math.max(0, Math.ceil((placeOf(to, size, step) - placeOf(from, size, step)) / step));
  };
  const size = call.curves.of(compute as Compute, dim, start.lo, end.lo);
  call.found.turns(size);
  return size;
}

/** A place in a dim, which may be counted from the back, or lie outside. */
function placeOf(at: number, size: number, step: number): number {
  const front = at < 0 ? at + size : at;
  return step > 0 ? Math.min(Math.max(front, 0), size) : Math.min(Math.max(front, -1), size - 1);
}

/** Other elements are cut than for the length below, but not more or fewer, at some length. */
function isChosen({ start, end, step }: Cut, whole: Curve | undefined, part: Curve | undefined): boolean {
  if (!varies(start) && !varies(end)) return false;
  if (whole === undefined || part === undefined) return true;
  const from = (i: number) => placeOf(at(start.lo, i), at(whole, i), step);
  for (let i = 1; i < LONGEST; i++) {
    if (at(part, i) > 0 && at(part, i) === at(part, i - 1) && from(i) !== from(i - 1)) return true;
  }
  return false;
}

/** The elements of a list that are cut by constants. */
function picked({ elements = [] }: Value, { start, end, step }: Cut): readonly Bounds[] | undefined {
  if (step !== 1 || varies(start) || varies(end)) return undefined;
  return elements.slice(start.lo as number, end.lo as number);
}

const gather: LengthRule = (call) => {
  const [x, index] = [call.input(0), call.input(1)];
  const axis = call.axis(call.int('axis', 0), x.dims);
  const dims = axis === undefined || index.dims === undefined ? undefined : x.dims!.toSpliced(axis, 1, ...index.dims);
  const places = numbersOf(index);
  if (x.elements !== undefined && x.dims?.length === 1) {
    const { elements } = x;
    if (places !== undefined)
      return call.result({ dims, elements: places.map((place) => elements.at(place) ?? ANY_NUMBER), from: [x] });
    const table = numbersOf(x);
    if (table !== undefined && isOfLengths(index) && isPoint(index.all)) {
      const curve = call.curves.of((place) => table.at(place!) ?? Number.NaN, index.all.lo);
      call.found.turns(curve);
      return call.result({ ...filled(dims, point(curve)), from: [index] });
    }
  }
  if (!isConstant(x)) for (const place of places ?? []) call.found.constant(place);
  rowsByLength(call, x, index, axis);
  return call.result({ dims, ...chosen(x, index) });
};

/** Some of the elements, not the first or the last for sure. */
function chosen(x: Value, index: Value): Pick<Value, 'all' | 'isLength'> {
  const isByLength = index.isLength && !isPoint(x.all);
  const isSome = isByLength || (isOfLengths(x) && !isPoint(x.all));
  return { all: isSome ? { ...x.all, isLoose: true } : x.all, isLength: isByLength };
}

/** Rows of a table that lengths choose. Those of positions are one each; one row that the length chooses may be any. */
function rowsByLength(call: LengthCall, x: Value, index: Value, axis: number | undefined): void {
  if (!index.isLength) return;
  if (isConstant(x))
    for (const dim of axis === undefined ? (x.dims ?? []) : [x.dims![axis]]) call.found.constant(dim as number);
  if (x.isData || isPoint(x.all)) return;
  const isOne = isPoint(index.all) && varies(index.all);
  if (isOne || (!index.isData && !hasLengthAxis(index))) throw new Unfollowed(CHOSEN);
}

/** GatherElements, GatherND. */
const gatherOthers: LengthRule = (call) => {
  const [x, index] = [call.input(0), call.input(1)];
  for (const place of numbersOf(index) ?? []) call.found.constant(place);
  rowsByLength(call, x, index, undefined);
  const dims = call.node.op === 'GatherElements' ? index.dims : undefined;
  return call.result({ dims, ...chosen(x, index) });
};

export const PART_LENGTHS: Readonly<Record<string, LengthRule>> = {
  Slice: slice,
  Gather: gather,
  GatherElements: gatherOthers,
  GatherND: gatherOthers,
};
