/** XGBoost's binary form: the values of its JSON, and a clear end for files that are cut, or say more than they hold. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readUniversalBinaryJson } from '../../../src/backends/trees/xgboost/universal-binary-json.ts';
import { elements, type NumericTensor, numericTensor } from '../../../src/core/tensor.ts';
import { openTrees } from '../../support/tree-models.ts';

const FIXTURES = 'test/fixtures/xgboost';

/** Bytes of markers (texts) and of bytes (numbers). */
function bytesOf(...parts: readonly (string | number)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));
}

const read = (...parts: readonly (string | number)[]): unknown => readUniversalBinaryJson(bytesOf(...parts));

/** As XGBoost writes it: lengths are int64. */
function written(value: unknown): Buffer {
  if (value === null) return Buffer.from('Z');
  if (typeof value === 'boolean') return Buffer.from(value ? 'T' : 'F');
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9, 'D');
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'string') return Buffer.concat([Buffer.from('S'), counted(value)]);
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from('[#'), length(value.length), ...value.map(written)]);
  }
  const members = Object.entries(value as object).flatMap(([key, each]) => [counted(key), written(each)]);
  return Buffer.concat([Buffer.from('{'), ...members, Buffer.from('}')]);
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([length(bytes.length), bytes]);
}

function length(count: number): Buffer {
  const bytes = Buffer.alloc(9, 'L');
  bytes.writeBigInt64BE(BigInt(count), 1);
  return bytes;
}

const JSON_VALUE = fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('\\ud'));

describe('Universal Binary JSON', () => {
  it('is what JSON has of the same value', () => {
    fc.assert(
      fc.property(JSON_VALUE, (value) => {
        const text = JSON.stringify(value);
        assert.equal(JSON.stringify(readUniversalBinaryJson(written(JSON.parse(text)))), text);
      }),
    );
  });

  it('has lists of one type, with counts of each type of integers', () => {
    assert.deepEqual(read('[$U#U', 3, 1, 2, 255), [1, 2, 255]);
    assert.deepEqual(read('[$i#i', 1, 255), [-1]);
    assert.deepEqual(read('[$I#I', 0, 1, 255, 254), [-2]);
    assert.deepEqual(read('[$l#l', 0, 0, 0, 1, 255, 255, 255, 255), [-1]);
    assert.deepEqual(read('[$d#U', 3, 0x3f, 0x80, 0, 0, 0x7f, 0x80, 0, 0, 0x7f, 0xc0, 0, 0), [1, Infinity, 'NaN']);
    assert.deepEqual(read('[', 'i', 1, 'TFZ', ']'), [1, true, false, null]);
  });

  it('takes any key for a name alone', () => {
    const value = readUniversalBinaryJson(written(JSON.parse('{"__proto__": {"learner": 1}}')));
    assert.deepEqual(Object.keys(value as object), ['__proto__']);
    assert.equal((value as { learner?: unknown }).learner, undefined);
  });

  it('does not make room for what is not there', () => {
    const cases: readonly (readonly [readonly (string | number)[], RegExp])[] = [
      [['[$U#l', 0x7f, 255, 255, 255, 1], /byte 4: it tells of 2147483647 times 1 bytes, and 1 are left/],
      [['[$d#L', 0, 0, 1, 0, 0, 0, 0, 0], /byte 4: it tells of 1099511627776 times 4 bytes, and 0 are left/],
      [['[#i', 255], /byte 2: it tells of -1 times/],
      [['[$Z#l', 0x7f, 255, 255, 255], /byte 2: a value of type "Z" is not read/],
      [['[$[#U', 1], /byte 2: a value of type "\[" is not read/],
      [['[$dU', 1], /byte 4|byte 3: a list of one type has no count/],
      [['[#d', 0, 0, 0, 0], /byte 2: a count of type "d" is not read/],
      [['SU', 9, 'x'], /byte 1: it tells of 9 times 1 bytes, and 1 are left/],
      [['{#U', 1], /byte 1: a count of type "#" is not read/],
      [['H'], /byte 0: a value of type "H" is not read/],
      [[7], /byte 0: a value of type 0x07 is not read/],
      [['ZZ'], /byte 1: 1 bytes follow the end/],
      [[''], /byte 0: the file ends/],
    ];
    for (const [parts, text] of cases) assert.throws(() => read(...parts), text);
  });

  it('has a bound to its levels', () => {
    assert.deepEqual(read('['.repeat(64), ']'.repeat(64)), JSON.parse('['.repeat(64) + ']'.repeat(64)));
    assert.throws(() => read('['.repeat(65), ']'.repeat(65)), /byte 64: more than 64 levels are not read/);
    assert.throws(() => read('['.repeat(100_000)), /more than 64 levels/);
  });
});

describe('a model.ubj of XGBoost', () => {
  for (const name of ['frame', 'classes']) {
    const text = readFileSync(`${FIXTURES}/${name}.json`, 'utf8');
    const binary = readFileSync(`${FIXTURES}/${name}.ubj`);

    it(`predicts what its JSON predicts: ${name}`, async (t) => {
      const sessions = [await openTrees(t, 'model.json', text), await openTrees(t, 'model.ubj', binary)];
      const [spec, other] = sessions.map((each) => each.signatures.get('serving_default')!.inputs.get('features')!);
      assert.deepEqual(other, spec);
      const width = spec!.shape!.at(-1)!;
      const numbers = fc.oneof(fc.float(), fc.integer({ min: 0, max: 6 }), fc.constant(Number.NaN));
      await fc.assert(
        fc.asyncProperty(fc.array(numbers, { minLength: width, maxLength: width }), async (row) => {
          const inputs = new Map([['features', numericTensor('float32', [1, width], Float32Array.from(row))]]);
          const [a, b] = await Promise.all(
            sessions.map(async (each) => {
              const answer = await each
                .run('serving_default', inputs, ['prediction'], { deadline: Infinity })
                .catch((error: Error) => error.message);
              return typeof answer === 'string' ? answer : [...elements(answer.get('prediction') as NumericTensor)];
            }),
          );
          assert.deepEqual(b, a);
        }),
      );
    });

    it(`ends with an error of the load where it is cut or wrong: ${name}`, () => {
      for (let end = 0; end < binary.length; end += 7) {
        assert.throws(() => readUniversalBinaryJson(binary.subarray(0, end)), /^Error: byte \d+: /);
      }
      fc.assert(
        fc.property(fc.nat(binary.length - 1), fc.nat(255), (at, byte) => {
          const wrong = Buffer.from(binary);
          wrong[at] = byte;
          try {
            readUniversalBinaryJson(wrong);
          } catch (error) {
            assert.match((error as Error).message, /^byte \d+: /);
          }
        }),
      );
    });
  }

  it('is named where it cannot be read', async (t) => {
    const cut = readFileSync(`${FIXTURES}/frame.ubj`).subarray(0, 999);
    await assert.rejects(openTrees(t, 'model.ubj', cut), {
      kind: 'load_failed',
      message: /model\.ubj": byte \d+: (it tells of|the file ends)/,
    });
  });
});
