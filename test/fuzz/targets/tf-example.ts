import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { parseExamples } from '../../../src/codec/tensorflow/example/parse-examples.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { exampleBytes, featureSpec, valuesOf } from '../../support/feature-specs.ts';
import { decode, encode, type Fields } from '../../support/proto-registry.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const SPECS = [featureSpec('f', 'float32', [-1]), featureSpec('i', 'int64', [-1]), featureSpec('s', 'string', [-1])];
const OPTIONS = { signatureName: 'sig', maxBytes: 1 << 20 };

interface Example {
  readonly features?: { readonly feature: Record<string, { kind: { value?: { value: readonly unknown[] } } }> };
}

export const target: FuzzTarget = {
  says: 'tf.Examples; of those that another implementation has written, the same values',
  maxBytes: 512,
  words: ['f', 'i', 's', exampleBytes({ f: [1] }), exampleBytes({ i: [-1n] }), exampleBytes({ s: ['a'] })],
  seeds: [exampleBytes({ f: [1, 2], i: [3n], s: ['a', ''] }), exampleBytes({ f: [], s: [] })],
  run(bytes) {
    orRefusal(() => parseExamples(SPECS, [bytes], OPTIONS));
    const example = theirs(bytes);
    if (example === undefined) return;
    const read = orRefusal(() => parseExamples(SPECS, [encode('tensorflow.Example', example)], OPTIONS));
    // A feature of another kind than the model wants.
    if (read instanceof ServingError) return;
    for (const { name } of SPECS) {
      const values: readonly unknown[] = example.features?.feature[name]?.kind.value?.value ?? [];
      assert.deepEqual(valuesOf(read.get(name)).map(plainValue), values.map(plainValue), name);
    }
  },
};

/** An input of floats takes integers too. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : Math.fround(Number(value));
}

/** Undefined where the library refuses. It is lenient about wire types, so what it reads is compared as it writes it. */
function theirs(bytes: Uint8Array): (Example & Fields) | undefined {
  try {
    return decode('tensorflow.Example', bytes) as Example & Fields;
  } catch {
    return undefined;
  }
}
