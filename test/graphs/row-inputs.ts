/** Rows for the inputs of a drawn graph: each is the same in whatever company it runs. */
import { Tensor } from '../../src/internals/ort-library.ts';
import { Draw, mixedSeed } from './draw.ts';
import type { DrawnGraph, DrawnInput } from './draw-graph.ts';
import { type ElementType, sizeOfDims } from './graph-draft.ts';

/** How the numbers of all inputs are spread. */
const SPREADS = ['small', 'small', 'bell', 'whole', 'large', 'zeros', 'odd'] as const;
type Spread = (typeof SPREADS)[number];

const TEXTS = ['a', 'B', 'c1', '1', '2', '-1', '', 'a0', '12'];
const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0, 1e30, -3e9, 5e9, 300, -0];

/** The inputs of the rows of those numbers, in their order. Floats differ by a share of about `nudge`. */
export function companyOf(graph: DrawnGraph, seed: number, rows: readonly number[], nudge = 0): Record<string, Tensor> {
  const spread = new Draw(mixedSeed(seed, -7)).pick(SPREADS);
  return Object.fromEntries(
    graph.inputs.map((input, i) => [
      input.name,
      tensorOf(
        input,
        rows.map((row) => rowOf(input, spread, mixedSeed(seed, row * 8 + i), nudge)),
        rows.length,
      ),
    ]),
  );
}

type Element = number | string;

function rowOf(input: DrawnInput, spread: Spread, seed: number, nudge: number): readonly Element[] {
  const draw = new Draw(seed);
  const count = sizeOfDims(input.dims.with(input.axis, 1));
  return Array.from({ length: count }, (_, i) => {
    const element = elementOf(input.type, spread, draw);
    return input.type === 'float' && nudge !== 0 ? Number(element) * (1 + nudge * Math.cos(i * 2.3)) : element;
  });
}

function elementOf(type: ElementType, spread: Spread, draw: Draw): Element {
  if (type === 'string') return draw.pick(TEXTS);
  if (type === 'bool') return draw.below(2);
  if (type === 'uint8') return draw.oneIn(4) ? draw.pick([0, 255, 200, 128]) : draw.below(6);
  if (type === 'int32' || type === 'int64') return integerOf(spread, draw);
  switch (spread) {
    case 'small':
      return draw.between(-16, 16) / 8;
    case 'bell':
      return Math.sqrt(-2 * Math.log(1 - draw.next())) * Math.cos(2 * Math.PI * draw.next());
    case 'whole':
      return draw.between(-4, 4);
    case 'large':
      return draw.between(-1000, 1000) * 37;
    case 'zeros':
      return draw.oneIn(4) ? draw.between(-2, 2) : 0;
    case 'odd':
      return draw.oneIn(5) ? draw.pick(ODD) : draw.between(-16, 16) / 8;
  }
}

function integerOf(spread: Spread, draw: Draw): number {
  if (spread === 'large' || spread === 'odd')
    return draw.oneIn(3) ? draw.pick([2 ** 31 - 1, -(2 ** 31), 2 ** 30]) : draw.between(-900, 900);
  return spread === 'zeros' && !draw.oneIn(4) ? 0 : draw.between(-5, 9);
}

function tensorOf({ type, dims, axis }: DrawnInput, rows: readonly (readonly Element[])[], count: number): Tensor {
  const inner = sizeOfDims(dims.slice(axis + 1));
  const outer = sizeOfDims(dims.slice(0, axis));
  const elements: Element[] = [];
  for (let block = 0; block < outer; block++) {
    for (const row of rows) for (let i = 0; i < inner; i++) elements.push(row[block * inner + i]!);
  }
  const shape = dims.with(axis, count);
  switch (type) {
    case 'string':
      return new Tensor('string', elements as string[], shape);
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(elements as number[], BigInt), shape);
    case 'int32':
      return new Tensor('int32', Int32Array.from(elements as number[]), shape);
    case 'uint8':
      return new Tensor('uint8', Uint8Array.from(elements as number[]), shape);
    case 'bool':
      return new Tensor('bool', Uint8Array.from(elements as number[]), shape);
    default:
      return new Tensor('float32', Float32Array.from(elements as number[]), shape);
  }
}
