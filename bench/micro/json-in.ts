/**
 * A predict body's bytes → a float32 tensor, beside what one writes first: JSON.parse and a walk over its lists, which
 * is given that they are a rectangle. Ours checks that, and that the signature has the input.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readInputs } from '../../src/codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../src/codec/json/predict-body.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../src/core/signature.ts';
import { elements, type NumericTensor } from '../../src/core/tensor.ts';
import { type Comparison, runSubject } from './interleave.ts';

type Nested = number | readonly Nested[];
interface Plain {
  readonly shape: readonly number[];
  readonly floats: Float32Array;
}

const SIGNATURE: Signature = {
  inputs: new Map([['x', { dtype: 'float32', shape: undefined, tensorName: 'x' }]]),
  outputs: new Map(),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'dynamic' },
};

const scanner = new PredictBodyScanner();

function shapeOf(value: Nested): number[] {
  return typeof value === 'number' ? [] : [value.length, ...shapeOf(value[0]!)];
}

/** Returns where the next value goes. */
function fill(floats: Float32Array, from: number, value: Nested): number {
  if (typeof value === 'number') {
    floats[from] = value;
    return from + 1;
  }
  let at = from;
  for (let i = 0; i < value.length; i++) at = fill(floats, at, value[i]!);
  return at;
}

function parse(body: Buffer): readonly Nested[] {
  return (JSON.parse(body.toString()) as { instances: readonly Nested[] }).instances;
}

/** `text` writes the i-th number. */
function comparison(title: string, shape: readonly number[], text: (i: number) => string): Comparison {
  const count = shape.reduce((product, size) => product * size, 1);
  const texts = Array.from({ length: count }, (_, i) => text(i));
  const body = Buffer.from(`{"instances":${nested(shape, texts)}}`);
  return {
    title: `${title} (${body.length} bytes)`,
    contestants: {
      Pillion: (): NumericTensor => {
        const tensors = readInputs(scanner, scanner.scan(body), SIGNATURE);
        scanner.release();
        return tensors.get('x') as NumericTensor;
      },
      'JSON.parse, a loop into Float32Array': (): Plain => {
        const instances = parse(body);
        const found = shapeOf(instances);
        const floats = new Float32Array(found.reduce((product, size) => product * size, 1));
        fill(floats, 0, instances);
        return { shape: found, floats };
      },
      'JSON.parse, flat(Infinity)': (): Plain => {
        const instances = parse(body);
        return {
          shape: shapeOf(instances),
          floats: Float32Array.from((instances as unknown[]).flat(Infinity) as number[]),
        };
      },
    },
    check: (call) => {
      const result = call() as Plain | NumericTensor;
      assert.deepEqual(result.shape, shape);
      assert.deepEqual('floats' in result ? result.floats : elements(result), Float32Array.from(texts, Number));
    },
  };
}

function nested(shape: readonly number[], texts: readonly string[]): string {
  const [length, ...rest] = shape;
  if (length === undefined) return texts[0]!;
  const each = texts.length / length;
  const lists = Array.from({ length }, (_, i) => nested(rest, texts.slice(i * each, (i + 1) * each)));
  return `[${lists.join(',')}]`;
}

const digits7 = (i: number): string => String(Number(Math.sin(i).toPrecision(7)));
const digits17 = (i: number): string => Math.sin(i).toPrecision(17);

await runSubject([
  comparison('128 numbers of 7 digits', [1, 128], digits7),
  comparison('128 numbers of 17 digits', [1, 128], digits17),
  comparison('28×28 integers up to 255', [1, 28, 28], (i) => String((i * 37) % 256)),
  comparison('224×224×3 numbers of 7 digits', [1, 224, 224, 3], digits7),
]);
