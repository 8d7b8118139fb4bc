/** The exports under test/fixtures/exports, what their libraries answer, and a comparison with what a sidecar does. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { Answer } from './grpc-harness.ts';

export const EXPORTS = 'test/fixtures/exports';

/** A number, a text, or a list of such: one row of a tensor. */
type Row = number | string | readonly Row[];

/** Rows of inputs, and of what the library answers, by name. */
export interface ExportCase {
  readonly inputs: Readonly<Record<string, readonly Row[]>>;
  readonly outputs: Readonly<Record<string, readonly Row[]>>;
}

export type Outputs = Readonly<Record<string, readonly Row[]>>;

/** The cases by the model's name. */
export function exportCases(): Readonly<Record<string, ExportCase>> {
  return JSON.parse(readFileSync(`${EXPORTS}/expected.json`, 'utf8'));
}

/** Rows `from` to `to`. */
export function someRows({ inputs, outputs }: ExportCase, from: number, to: number): ExportCase {
  const cut = (of: Outputs): Outputs => mapped(of, (rows) => rows.slice(from, to));
  return { inputs: cut(inputs), outputs: cut(outputs) };
}

/** Numbers may differ by 10⁻⁶, texts not at all. */
export function assertAnswers(answers: Outputs, { outputs }: ExportCase, message: string): void {
  assert.deepEqual(Object.keys(answers).sort(), Object.keys(outputs).sort(), message);
  for (const [name, rows] of Object.entries(outputs)) {
    const [got, wanted] = [answers[name]!, rows].map((list) => [list].flat(3) as (number | string)[]);
    assert.equal(got!.length, wanted!.length, `${message}: ${name}`);
    for (const [i, value] of wanted!.entries()) {
      const isNear = typeof value === 'number' ? Math.abs(value - Number(got![i])) <= 1e-6 : value === got![i];
      assert.ok(isNear, `${message}: ${name}[${i}] is ${got![i]}, not ${value}`);
    }
  }
}

/** A PredictRequest as proto-loader takes it. Integers are int64 where the input is named `visits`. */
export function predictRequest(model: string, { inputs }: ExportCase): object {
  return { model_spec: { name: model }, inputs: mapped(inputs, tensorProto) };
}

/** The outputs of a PredictResponse of proto-loader. */
export function outputsOf({ outputs }: Answer): Outputs {
  return mapped(outputs as Record<string, Answer>, (tensor) => {
    const width = tensor.tensor_shape.dim[1]?.size ?? 1;
    const elements = tensor.dtype === 'DT_STRING' ? tensor.string_val.map(String) : numbersOf(tensor);
    assert.equal(elements.length % Number(width), 0);
    return elements;
  });
}

function tensorProto(rows: readonly Row[], name: string): object {
  const [first] = rows;
  const size = [rows.length, ...(Array.isArray(first) ? [first.length] : [])];
  const shape = { tensor_shape: { dim: size.map((each) => ({ size: each })) } };
  const elements = [rows].flat(2) as (number | string)[];
  if (name === 'visits') return { ...shape, dtype: 'DT_INT64', int64_val: elements };
  if (typeof elements[0] === 'number') return { ...shape, dtype: 'DT_FLOAT', float_val: elements };
  return { ...shape, dtype: 'DT_STRING', string_val: elements.map((text) => Buffer.from(String(text))) };
}

function numbersOf(tensor: Answer): number[] {
  const { dtype, tensor_content: content, float_val: floats, int64_val: integers } = tensor;
  if (dtype === 'DT_FLOAT')
    return content.length === 0 ? floats : [...Array(content.length / 4)].map((_, i) => content.readFloatLE(4 * i));
  return content.length === 0
    ? integers.map(Number)
    : [...Array(content.length / 8)].map((_, i) => Number(content.readBigInt64LE(8 * i)));
}

function mapped<T, U>(of: Readonly<Record<string, T>>, convert: (value: T, name: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, convert(value, name)]));
}
