/** The ops that compute each element of their result from one of each operand. */
import { isFloatType } from '../../../graph/graph-proto.ts';
import { ANY_NUMBER, always, type Bounds, between, type Compute, isPoint, point } from './curves.ts';
import { type LengthCall, type LengthRule, Unfollowed } from './length-call.ts';
import { broadcastDims, constant, countOf, elementsOf, type Values } from './length-values.ts';

type OfBounds = (call: LengthCall, operands: readonly Bounds[]) => Bounds;

const ZERO = point(0);
/** TensorProto.DataType.BOOL. */
const BOOL = 9;

/** Applies it to all elements that are known one by one, or to the bounds of all. */
export function elementwise(of: OfBounds, take?: (call: LengthCall) => Values): LengthRule {
  return (call) => {
    const operands = (take?.(call) ?? call.inputs).filter((value) => value !== undefined);
    const dims = broadcastDims(operands.map((value) => value.dims));
    const count = countOf(dims);
    const lists = operands.map((value) => (count === undefined ? undefined : elementsOf(value, count)));
    if (count === undefined || lists.some((list) => list === undefined)) {
      return call.result({
        dims,
        all: of(
          call,
          operands.map(({ all }) => all),
        ),
        from: operands,
      });
    }
    const elements = Array.from({ length: count }, (_, i) =>
      of(
        call,
        lists.map((list) => list![i]!),
      ),
    );
    return call.result({ dims, elements, from: operands });
  };
}

/** Rises or falls with each operand. */
const monotone =
  (compute: Compute): OfBounds =>
  ({ curves, found }, operands) => {
    const result = curves.bounds(compute, ...operands);
    found.turns(result.lo);
    found.turns(result.hi);
    return result;
  };

const plus: Compute = (a, b) => a! + b!;
const multiply: Compute = (a, b) => (a === 0 || b === 0 ? 0 : a! * b!);

function divide(isOfFloats: boolean): OfBounds {
  const compute: Compute = isOfFloats ? (a, b) => a! / b! : (a, b) => Math.trunc(a! / b!);
  return (call, [a, b]) => {
    const mayBeZero = !isPoint(b!) && !always((x, y) => x > y, b!.lo, 0) && !always((x, y) => x < y, b!.hi, 0);
    if (!isOfFloats) call.choose(a!, ZERO, true);
    return mayBeZero ? ANY_NUMBER : steps(compute, !isOfFloats)(call, [a!, b!]);
  };
}

/** A staircase, where it is one. */
function steps(compute: Compute, isStair = true): OfBounds {
  return (call, operands) => {
    if (isStair && call.isOfLengths && operands.some(({ isLoose }) => isLoose)) throw new Unfollowed(ROUNDED);
    return monotone(compute)(call, operands);
  };
}

const ROUNDED = 'it rounds a number that comes of the length, and nothing tells where it changes';

/** Integers are divided towards zero. What is not known to be floats may be integers. */
const division: LengthRule = (call) => {
  call.constants(...call.inputs);
  return elementwise(divide(call.present.some(({ isFloat }) => isFloat === true)))(call);
};

const modulo: OfBounds = (call, operands) => {
  const [a, b] = operands as readonly [Bounds, Bounds];
  // A step of the quotient is one of the rest.
  steps((x, y) => Math.floor(x! / y!))(call, operands);
  if (isPoint(a) && isPoint(b)) return monotone((x, y) => x! - Math.floor(x! / y!) * y!)(call, operands);
  return ANY_NUMBER;
};

/** The larger or the smaller of many. */
function extreme(pick: Compute): OfBounds {
  return (call, [first, ...others]) =>
    others.reduce((a, b) => {
      call.choose(a, b);
      return monotone(pick)(call, [a, b]);
    }, first!);
}

function comparison(compute: Compute): OfBounds {
  return (call, [a, b]) => {
    const result = call.curves.bounds(compute, a!, b!);
    call.choose(a!, b!, isFixed(result));
    return between(result.lo, result.hi);
  };
}

const equal: OfBounds = (call, [a, b]) => {
  const isSame = isPoint(a!) && isPoint(b!);
  const lo = isSame ? call.curves.of((x, y) => (x === y ? 1 : 0), a!.lo, b!.lo) : 0;
  const meets: Compute = (aLo, aHi, bLo, bHi) => (aLo! <= bHi! && bLo! <= aHi! ? 1 : 0);
  const result = between(lo, isSame ? lo : call.curves.of(meets, a!.lo, a!.hi, b!.lo, b!.hi));
  call.choose(a!, b!, isFixed(result));
  return result;
};

function isFixed({ lo, hi }: Bounds): boolean {
  return typeof lo === 'number' && lo === hi;
}

/** Another straight or curved piece on each side of zero. */
const bent =
  (of: OfBounds): OfBounds =>
  (call, operands) => {
    call.choose(operands[0]!, ZERO);
    return of(call, operands);
  };

const absolute: OfBounds = ({ curves }, [a]) => {
  const lo = curves.of((x, y) => (x! <= 0 && y! >= 0 ? 0 : Math.min(Math.abs(x!), Math.abs(y!))), a!.lo, a!.hi);
  const hi = curves.of((x, y) => Math.max(Math.abs(x!), Math.abs(y!)), a!.lo, a!.hi);
  return isPoint(a!) ? point(hi) : between(lo, hi, a!.isLoose);
};

const wave =
  (compute: Compute): OfBounds =>
  (call, operands) =>
    operands.every(isPoint) ? monotone(compute)(call, operands) : between(-1, 1, true);

const power: OfBounds = (call, [a, b]) =>
  isPoint(a!) || always((x, y) => x >= y, a!.lo, 0) ? monotone((x, y) => x! ** y!)(call, [a!, b!]) : ANY_NUMBER;

/** Whether it is true decides; a float is true unless it is 0. */
const truth: OfBounds = (call, [a]) => {
  const lo: Compute = (x, y) => (x! > 0 || y! < 0 || (x === y && x !== 0) ? 1 : 0);
  const hi: Compute = (x, y) => (x === 0 && y === 0 ? 0 : 1);
  const result = between(call.curves.of(lo, a!.lo, a!.hi), call.curves.of(hi, a!.lo, a!.hi));
  call.choose(a!, ZERO, isFixed(result));
  return isPoint(a!) ? point(result.lo) : result;
};

/** The least and the largest number of integers that wrap around soon, by their TensorProto.DataType. */
const NARROW: Readonly<Record<number, readonly [least: number, most: number]>> = {
  2: [0, 255],
  3: [-128, 127],
  4: [0, 65_535],
  5: [-32_768, 32_767],
};

function checkRange(call: LengthCall, least: number, most: number): void {
  const { all, isLength } = call.input(0);
  if (isLength) call.found.constant(most);
  const isWithin = always((a) => a >= least, all.lo, 0) && always((a) => a <= most, all.hi, 0);
  if (call.isOfLengths && !isWithin) throw new Unfollowed(`a number that comes of the length may be more than ${most}`);
}

const cast: LengthRule = (call) => {
  const to = call.int('to', 0);
  if (to === BOOL) return elementwise(truth)(call);
  const range = NARROW[to];
  if (range !== undefined) checkRange(call, ...range);
  // Integers stay as they are.
  const isStair = !isFloatType(to) && call.input(0).isFloat === true;
  return elementwise(isStair ? steps((a) => Math.trunc(a!)) : (_, [a]) => a!)(call);
};

/** Its ends are attributes before opset 11. */
const clip: LengthRule = (call) => {
  const end = (i: number, name: string, otherwise: number) =>
    call.inputs[i] ?? constant({ dims: [], elements: [call.float(name) ?? otherwise] });
  const ends = [end(1, 'min', Number.NEGATIVE_INFINITY), end(2, 'max', Number.POSITIVE_INFINITY)];
  call.constants(...ends);
  const of: OfBounds = (_, [a, lo, hi]) => extreme(Math.min)(call, [extreme(Math.max)(call, [a!, lo!]), hi!]);
  return elementwise(of, () => [call.input(0), ...ends])(call);
};

/** Only one of the two is there if the condition is the same for all lengths. */
const where: OfBounds = (call, [condition, a, b]) => {
  if (isFixed(condition!) && !call.input(0).isData) return condition!.lo === 0 ? b! : a!;
  if (isPoint(condition!)) return monotone((c, x, y) => (c === 0 ? y! : x!))(call, [condition!, a!, b!]);
  return call.curves.hull([a!, b!]);
};

/** Each operand that is a constant may be what a length is compared with. */
function withConstants(rule: LengthRule, isThreshold = false): LengthRule {
  return (call) => {
    call.constants(...call.inputs);
    if (isThreshold) call.refuseTables();
    return rule(call);
  };
}

/** A scale for all elements, or one for each place on an axis. */
const dequantize: LengthRule = (call) =>
  countOf(call.input(1).dims) === 1
    ? elementwise(monotone((a, scale, zero = 0) => (a! - zero) * scale!))(call)
    : call.result({ dims: call.input(0).dims });

const flag = (is: (...values: readonly boolean[]) => boolean): OfBounds =>
  monotone((...numbers) => (is(...numbers.map((number) => number !== 0)) ? 1 : 0));

const sum = (compute: Compute): LengthRule => withConstants((call) => elementwise(monotone(compute))(call));

const smooth = (compute: Compute): LengthRule => elementwise(monotone(compute));
const threshold = (of: OfBounds): LengthRule => withConstants(elementwise(of), true);
const unknownBent: LengthRule = elementwise(
  bent(() => ANY_NUMBER),
  (call) => [call.input(0)],
);

function each(names: string, rule: LengthRule): Readonly<Record<string, LengthRule>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]));
}

export const ELEMENTWISE_LENGTHS: Readonly<Record<string, LengthRule>> = {
  Add: sum(plus),
  Sub: sum((a, b) => a! - b!),
  Sum: withConstants(elementwise((call, [a, ...others]) => others.reduce((b, c) => monotone(plus)(call, [b, c]), a!))),
  Mul: smooth(multiply),
  Div: division,
  Mod: threshold(modulo),
  Pow: withConstants(elementwise(power)),
  Min: threshold(extreme(Math.min)),
  Max: threshold(extreme(Math.max)),
  Clip: clip,
  Greater: threshold(comparison((a, b) => (a! > b! ? 1 : 0))),
  GreaterOrEqual: threshold(comparison((a, b) => (a! >= b! ? 1 : 0))),
  Less: threshold(comparison((a, b) => (a! < b! ? 1 : 0))),
  LessOrEqual: threshold(comparison((a, b) => (a! <= b! ? 1 : 0))),
  Equal: threshold(equal),
  Where: withConstants(elementwise(where)),
  And: elementwise(flag((a, b) => a! && b!)),
  Or: elementwise(flag((a, b) => a! || b!)),
  Not: elementwise(flag((a) => !a!)),
  Xor: elementwise((call, operands) =>
    operands.every(isPoint) ? flag((a, b) => a !== b)(call, operands) : between(0, 1),
  ),
  Cast: cast,
  Identity: elementwise((_, [a]) => a!),
  ...each(
    'CastLike Dropout',
    elementwise(
      (_, [a]) => a!,
      (call) => [call.input(0)],
    ),
  ),
  DequantizeLinear: dequantize,
  Neg: smooth((a) => -a!),
  Abs: elementwise(bent(absolute)),
  Relu: elementwise(bent(monotone((a) => Math.max(a!, 0)))),
  Sign: elementwise(bent(monotone(Math.sign as Compute))),
  Floor: elementwise(steps(Math.floor as Compute)),
  Ceil: elementwise(steps(Math.ceil as Compute)),
  Round: elementwise(steps(Math.round as Compute)),
  Sqrt: smooth(Math.sqrt as Compute),
  Log: smooth(Math.log as Compute),
  Exp: smooth(Math.exp as Compute),
  Reciprocal: (call) => elementwise((_, [a]) => divide(true)(call, [point(1), a!]))(call),
  Sigmoid: smooth((a) => 1 / (1 + Math.exp(-a!))),
  Tanh: smooth(Math.tanh as Compute),
  Softplus: smooth((a) => (a! > 30 ? a! : Math.log1p(Math.exp(a!)))),
  Sin: elementwise(wave(Math.sin as Compute)),
  Cos: elementwise(wave(Math.cos as Compute)),
  // It is as good as two levels, one on each side of zero.
  Erf: elementwise(bent(() => between(-1, 1, true))),
  ...each('LeakyRelu PRelu Elu Selu Celu Gelu FastGelu QuickGelu BiasGelu Mish Swish HardSwish', unknownBent),
  ...each(
    'Softsign Atan Asinh',
    elementwise(() => ANY_NUMBER),
  ),
};
