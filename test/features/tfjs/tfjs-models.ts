/** The common parts of the tests of backend tfjs: loading, tensors in and out, and where the fixtures are. */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { Session } from '../../../src/backends/backend.ts';
import { importBackend } from '../../../src/backends/import-backend.ts';
import { loadOptionsOf } from '../../../src/backends/load-options.ts';
import { encodeExample } from '../../../src/codec/tensorflow/example/example-writer.ts';
import {
  elements,
  type NumericTensor,
  numericTensor,
  type StringTensor,
  type Tensor,
} from '../../../src/core/tensor.ts';
import { FEATURES } from '../../../src/pillion.ts';

/** The module of backend tfjs. */
export const TFJS_MODULE = (await FEATURES.backends.find('', 'tfjs')).module;

export const FIXTURES = 'test/fixtures/tfjs';
export const DIGITS_MODELS = 'examples/digits/models';

/** The values that Python TensorFlow gives for the fixtures: test/fixtures/tfjs/make.py. */
export interface Expected {
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly by_example: Readonly<Record<string, readonly number[]>>;
  readonly n: readonly string[];
  readonly n_plus_one: readonly string[];
  readonly text: readonly string[];
  readonly joined: readonly string[];
  readonly bytes: readonly number[];
  readonly names: readonly string[];
}

export function expectedOfFixtures(): Expected {
  return JSON.parse(readFileSync(`${FIXTURES}/expected.json`, 'utf8')) as Expected;
}

/** Loads a model, whose session is closed after the test. */
export async function loadTfjs(t: TestContext, directory: string): Promise<Session> {
  const session = await (await importBackend(TFJS_MODULE)).load(
    directory,
    loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }),
  );
  t.after(() => session.close());
  return session;
}

/** One run with all outputs of the signature. */
export async function runAll(
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
  signatureName = 'serving_default',
): Promise<Readonly<Record<string, Tensor>>> {
  const outputs = [...session.signatures.get(signatureName)!.outputs.keys()];
  const given = await session.run(signatureName, new Map(Object.entries(inputs)), outputs, { deadline: Infinity });
  return Object.fromEntries(given);
}

export function floats(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return numericTensor('float32', shape, Float32Array.from(values));
}

export function int64s(values: readonly bigint[]): Tensor {
  return numericTensor('int64', [values.length], BigInt64Array.from(values));
}

export function strings(values: readonly (string | Uint8Array)[]): StringTensor {
  return { dtype: 'string', shape: [values.length], data: values.map((value) => Buffer.from(value as string)) };
}

export function numbersOf(tensor: Tensor | undefined): (number | bigint)[] {
  return [...elements(tensor as NumericTensor)];
}

export function textsOf(tensor: Tensor | undefined): readonly string[] {
  return (tensor as StringTensor).data.map((bytes) => Buffer.from(bytes).toString());
}

/** A serialized tf.Example of float features. */
export function floatExample(features: Readonly<Record<string, readonly number[]>>): Uint8Array {
  return encodeExample(new Map(Object.entries(features).map(([name, values]) => [name, { kind: 'float32', values }])));
}
