import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import { PredictBodyScanner } from '../../../../src/codec/json/predict-body.ts';

const scanner = new PredictBodyScanner();
const scan = (text: string) => scanner.scan(Buffer.from(text, 'utf8'));

describe('PredictBodyScanner', () => {
  test('signature_name may stand anywhere, be escaped, or be missing', () => {
    assert.equal(scan('{"instances":[1]}').signatureName, undefined);
    assert.equal(scan('{"signature_name":"s","instances":[1]}').signatureName, 's');
    assert.equal(scan('{"instances":[1],"signature_name":"s"}').signatureName, 's');
    assert.equal(scan('{"\\u0073ignature_name" : "\\u00e9é"}').signatureName, 'éé');
    assert.equal(scan('{"signature_name":""}').signatureName, '');
  });

  test('a signature_name that is no string is an error, but a syntax error further on comes first', () => {
    for (const value of ['5', 'null', '["s"]', '{}', 'true']) {
      assert.throws(() => scan(`{"signature_name":${value},"instances":[1]}`), /"signature_name" is no string/);
    }
    assert.throws(() => scan('{"signature_name":5,"instances":[1'), /not valid JSON/);
  });

  test('the first of two equal keys counts', () => {
    const body = scan(
      '{"signature_name":"a","signature_name":"b","instances":[1,2],"instances":"x","inputs":3,"inputs":"y"}',
    );
    assert.equal(body.signatureName, 'a');
    assert.deepEqual(body.instances?.grid?.shape, [2]);
    assert.deepEqual(body.inputs?.grid?.shape, []);
    assert.throws(() => scan('{"signature_name":1,"signature_name":"b"}'), /is no string/);
  });

  test('unknown keys are ignored, but their syntax is checked', () => {
    assert.deepEqual(scan('{"x":{"y":[1,"]",{}]},"instances":[1]}').instances?.grid?.shape, [1]);
    assert.throws(() => scan('{"x":[1,],"instances":[1]}'), /at byte 8/);
  });

  test('plain numbers and rectangular lists of them are grids, anything else is not', () => {
    const shapes: readonly [string, readonly number[] | undefined][] = [
      ['5', []],
      ['-0.5', []],
      ['[]', [0]],
      ['[[],[]]', [2, 0]],
      ['[ 1 , 2 ]', [2]],
      ['[[1,2],[3,4],[5,6]]', [3, 2]],
      ['[[[1]],[[2]]]', [2, 1, 1]],
      ['[[1,2],[3]]', undefined],
      ['[1,[2]]', undefined],
      ['[[1],2]', undefined],
      ['[[],[1]]', undefined],
      ['[[[]],[]]', undefined],
      ['[NaN]', undefined],
      ['["a"]', undefined],
      ['[true]', undefined],
      ['{"a":[1]}', undefined],
      ['"5"', undefined],
    ];
    for (const [value, shape] of shapes)
      assert.deepEqual(scan(`{"inputs":${value}}`).inputs?.grid?.shape, shape, value);
  });

  test('members of inputs are taken one by one', () => {
    const { inputs } = scan('{"inputs":{ "a" : [1,2], "b": "s", "c":3 }}');
    assert.deepEqual(
      inputs?.members?.map(({ name, value }) => [name, value.grid?.shape]),
      [
        ['a', [2]],
        ['b', undefined],
        ['c', []],
      ],
    );
    assert.deepEqual(scan('{"inputs":{}}').inputs?.members, []);
  });

  test('a byte order mark is skipped', () => {
    assert.deepEqual(scan('\ufeff {"instances":[1]}').instances?.grid?.shape, [1]);
  });

  test('a body that is no object, or more than one, is refused with the fix', () => {
    assert.throws(() => scan(''), /the body is empty; send a JSON object/);
    assert.throws(() => scan(' \n'), /the body is empty/);
    assert.throws(() => scan('\ufeff'), /the body is empty/);
    for (const text of ['[1]', '5', '"x"', 'null']) assert.throws(() => scan(text), /no JSON object; send/);
    assert.throws(() => scan('[1'), /not valid JSON/);
    assert.throws(() => scan('{"instances":[1]}x'), /at byte 17: the object has ended, but more text follows/);
    assert.throws(() => scan('{"instances":[1]}\0'), /more text follows/);
    assert.throws(() => scan('{}{}'), /more text follows/);
    assert.deepEqual(scan('{"instances":[1]} \r\n\t').instances?.grid?.shape, [1]);
  });

  test('more named tensors than any model has are refused', () => {
    const names = Array.from({ length: 2 ** 14 + 1 }, (_, i) => `"${i}":1`);
    assert.throws(() => scan(`{"inputs":{${names.join(',')}}}`), /names more than 16384 tensors or columns/);
  });

  test('can be used again after an error and after a huge body', () => {
    assert.throws(() => scan('{"instances":[1,2'));
    assert.deepEqual(scan('{"instances":[1,2]}').instances?.grid?.count, 2);
    const many = 1_200_000;
    assert.equal(scan(`{"instances":[${'7,'.repeat(many - 1)}7]}`).instances?.grid?.count, many);
    assert.ok(scanner.grids.numbers.length >= many);
    assert.equal(scanner.grids.numbers[many - 1], 7);
    scanner.release();
    assert.ok(scanner.grids.numbers.length < many);
    const again = scan('{"instances":[3]}').instances!.grid!;
    assert.equal(scanner.grids.numbers[again.offset], 3);
  });
});
