/** tf.Example reading against @bufbuild/protobuf: the same values of any message, and a clear error of any bytes. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeExample, type FeatureList } from '../../src/codec/tensorflow/example/example-writer.ts';
import { parseExamples } from '../../src/codec/tensorflow/example/parse-examples.ts';
import { ServingError } from '../../src/core/errors.ts';
import { exampleBytes, type FeatureInput, featureSpec, valuesOf } from '../support/feature-specs.ts';
import { decode } from '../support/proto-registry.ts';

const SPECS = [
  featureSpec('f', 'float32', [-1]),
  featureSpec('i', 'int64', [-1]),
  featureSpec('s', 'string', [-1]),
] as const;
const OPTIONS = { signatureName: 'sig', maxBytes: 1 << 24 };

const float = fc.float().filter((value) => !Number.isNaN(value));
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const values = {
  f: fc.array(float, { maxLength: 6 }),
  i: fc.array(int64, { maxLength: 6 }),
  s: fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 }),
};
const example = fc.record(
  { ...values, other: fc.oneof(values.f, values.i, values.s) },
  { requiredKeys: [] },
) as fc.Arbitrary<Partial<Record<'f' | 'i' | 's' | 'other', FeatureInput>>>;

function ownValues(examples: readonly Partial<Record<string, FeatureInput>>[], name: string, pad: unknown): unknown[] {
  const width = Math.max(0, ...examples.map((each) => each[name]?.length ?? 0));
  return examples.flatMap((each) => {
    const own: unknown[] = [...(each[name] ?? [])];
    return [...own, ...new Array(width - own.length).fill(pad)];
  });
}

test('any examples give the values that were put in', () => {
  fc.assert(
    fc.property(fc.array(example, { maxLength: 5 }), (examples) => {
      const bytes = examples.map((each) => exampleBytes(each as Record<string, FeatureInput>));
      const tensors = parseExamples(SPECS, bytes, OPTIONS);
      for (const [name, pad] of [
        ['f', 0],
        ['i', 0n],
        ['s', ''],
      ] as const) {
        assert.deepStrictEqual(valuesOf(tensors.get(name)), ownValues(examples, name, pad));
      }
    }),
  );
});

test('a context in front is merged: what the example has wins', () => {
  fc.assert(
    fc.property(example, example, (context, own) => {
      const merged = { ...context, ...own };
      const bytes = Buffer.concat([context, own].map((each) => exampleBytes(each as Record<string, FeatureInput>)));
      const tensors = parseExamples(SPECS, [bytes], OPTIONS);
      for (const name of ['f', 'i', 's']) {
        assert.deepStrictEqual(valuesOf(tensors.get(name)), ownValues([merged], name, undefined));
      }
    }),
  );
});

test('what the writer writes, the official library reads, and so do we', () => {
  const list: fc.Arbitrary<FeatureList> = fc.oneof(
    fc.record({ kind: fc.constant('float32' as const), values: fc.array(float, { minLength: 1 }) }),
    fc.record({ kind: fc.constant('int64' as const), values: fc.array(int64, { minLength: 1 }) }),
    fc.record({ kind: fc.constant('string' as const), values: fc.array(fc.uint8Array(), { minLength: 1 }) }),
    fc.constant({ kind: 'unset' as const }),
  );
  // The library keeps maps in plain objects, which have no place for this one.
  const name = fc.string().filter((text) => text !== '__proto__');
  fc.assert(
    fc.property(fc.dictionary(name, list), (features) => {
      const bytes = encodeExample(new Map(Object.entries(features)));
      const { features: read } = decode('tensorflow.Example', bytes) as unknown as {
        features?: { feature: Record<string, { kind: { case?: string; value?: { value: unknown[] } } }> };
      };
      const got = Object.entries(read?.feature ?? {}).map(([name, { kind }]) => [name, plain(kind.value?.value ?? [])]);
      const sent = Object.entries(features).map(([name, each]) => [
        name,
        plain(each.kind === 'unset' ? [] : each.values),
      ]);
      assert.deepEqual(Object.fromEntries(got), Object.fromEntries(sent));
      for (const [name, own] of Object.entries(features)) {
        if (own.kind !== 'float32') continue;
        const spec = featureSpec(name, 'float32', [-1]);
        assert.deepEqual(valuesOf(parseExamples([spec], [bytes], OPTIONS).get(name)), own.values);
      }
    }),
  );
});

/** Bytes as text, whatever class they are of. */
function plain(list: readonly unknown[]): unknown[] {
  return list.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value));
}

function parsesOrRefuses(bytes: Uint8Array): void {
  try {
    parseExamples(SPECS, [bytes], OPTIONS);
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.kind, 'invalid_request');
  }
}

test('cut off or changed anywhere, an example is read or refused, and nothing else', () => {
  fc.assert(
    fc.property(example, fc.nat(), fc.nat(255), (each, at, byte) => {
      const bytes = Buffer.from(exampleBytes(each as Record<string, FeatureInput>));
      parsesOrRefuses(bytes.subarray(0, at % (bytes.length + 1)));
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      parsesOrRefuses(bytes);
    }),
    { numRuns: 500 },
  );
});

test('any bytes at all are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => parsesOrRefuses(bytes)),
    { numRuns: 1000 },
  );
});
