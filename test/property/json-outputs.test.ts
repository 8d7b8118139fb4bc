/**
 * Outputs → answer text, read by JSON.parse: the values, the nesting and the names, in both formats. NaN and Infinity,
 * which stand bare for TensorFlow Serving's clients, and integers past a double are put in quotes first.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { OutputsPrinter } from '../../src/codec/json/json-outputs.ts';
import { elementCount } from '../../src/core/shape.ts';
import { elements, type Tensor } from '../../src/core/tensor.ts';
import { anyText } from '../support/json-spelling.ts';
import { anyTensor } from '../support/tensor-arbitrary.ts';

const printer = new OutputsPrinter();

/** Bare words and integers past a double, so that JSON.parse takes and keeps them. Not for text with strings in it. */
function quoted(text: string): string {
  return text.replace(/-?(?:NaN|Infinity)|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g, '"$&"');
}

/** The elements as JSON.parse gives them after `quoted`. */
function plainElements(tensor: Tensor): readonly unknown[] {
  if (tensor.dtype === 'string') return tensor.data.map((bytes) => ({ b64: Buffer.from(bytes).toString('base64') }));
  const values = elements(tensor);
  switch (tensor.dtype) {
    case 'bool':
      return Array.from(values, Boolean);
    case 'float16':
      return Array.from(values as Uint16Array, (pattern) => finiteOrWord(smallFloat(pattern, 5, 10)));
    case 'bfloat16':
      return Array.from(values as Uint16Array, (pattern) => finiteOrWord(smallFloat(pattern, 8, 7)));
    case 'int64':
    case 'uint64':
      return Array.from(values as BigInt64Array, (value) =>
        /\d{16,}/.test(String(value)) ? String(value) : Number(value),
      );
    default:
      return Array.from(values as Float32Array, finiteOrWord);
  }
}

/** A 16-bit float by its definition: sign, exponent, fraction. */
function smallFloat(pattern: number, exponentBits: number, fractionBits: number): number {
  const sign = pattern >> 15 === 0 ? 1 : -1;
  const most = 2 ** exponentBits - 1;
  const exponent = (pattern >> fractionBits) & most;
  const fraction = (pattern & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = most >> 1;
  if (exponent === most) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

function finiteOrWord(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function nest(shape: readonly number[], values: readonly unknown[]): unknown {
  const [length, ...rest] = shape;
  if (length === undefined) return values[0];
  const each = elementCount(rest);
  return Array.from({ length }, (_, i) => nest(rest, values.slice(i * each, (i + 1) * each)));
}

/** Numbers of a float32 as the client that asked for one reads them. */
function rounded(tensor: Tensor, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => rounded(tensor, each));
  const isSingle = tensor.dtype === 'float32' || tensor.dtype === 'float16' || tensor.dtype === 'bfloat16';
  return isSingle && typeof value === 'number' ? Math.fround(value) : value;
}

test('one output of any dtype, as columns and as rows', () => {
  fc.assert(
    fc.property(anyTensor, (tensor) => {
      const outputs = new Map([['y_bytes', tensor]]);
      const expected = nest(tensor.shape, plainElements(tensor));
      for (const [format, key] of [
        ['columnar', 'outputs'],
        ['row', 'predictions'],
      ] as const) {
        if (format === 'row' && tensor.shape.length === 0) continue;
        const text = printer.print(outputs, format).toString('latin1');
        const parsed = JSON.parse(tensor.dtype === 'string' ? text : quoted(text)) as Record<string, unknown>;
        assert.deepEqual(Object.keys(parsed), [key]);
        assert.deepEqual(rounded(tensor, parsed[key]), expected, text);
      }
    }),
    { numRuns: 5000 },
  );
});

const text = anyText(10);

/** Strings of a shape; a name that does not ask for base64. */
const texts = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 2 }).chain((shape) => {
  const count = elementCount(shape);
  return fc.array(text, { minLength: count, maxLength: count }).map((values) => ({ shape, values }));
});

test('strings are the text that went in', () => {
  const name = text.filter((each) => !each.endsWith('_bytes'));
  fc.assert(
    fc.property(name, texts, (output, { shape, values }) => {
      const data = values.map((value) => Buffer.from(value));
      const printed = printer.print(new Map([[output, { dtype: 'string' as const, shape, data }]]), 'columnar');
      assert.deepEqual(JSON.parse(printed.toString()), { outputs: nest(shape, values) });
    }),
    { numRuns: 2000 },
  );
});

test('several outputs are an object, or an object for each row', () => {
  const columns = fc.tuple(
    fc.nat({ max: 4 }),
    fc.uniqueArray(fc.tuple(text, fc.nat({ max: 3 })), { minLength: 2, maxLength: 4, selector: ([key]) => key }),
  );
  fc.assert(
    fc.property(columns, ([rows, list]) => {
      const made = list.map(([name, width], i): [string, Tensor, number[][]] => {
        const values = Int32Array.from({ length: rows * width }, (_, at) => 1000 * i + at);
        const data = new Uint8Array(values.buffer);
        const lists = Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
        return [name, { dtype: 'int32', shape: [rows, width], data }, lists];
      });
      const outputs = new Map(made.map(([name, tensor]) => [name, tensor]));
      const parse = (format: 'row' | 'columnar'): unknown => JSON.parse(printer.print(outputs, format).toString());
      const entries = made.map(([name, , lists]) => [name, lists] as const);
      assert.deepEqual(parse('columnar'), { outputs: Object.fromEntries(entries) });
      const objects = Array.from({ length: rows }, (_, row) =>
        Object.fromEntries(entries.map(([name, lists]) => [name, lists[row]])),
      );
      assert.deepEqual(parse('row'), { predictions: objects });
    }),
    { numRuns: 2000 },
  );
});
