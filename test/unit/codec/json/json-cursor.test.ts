import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import { JsonCursor } from '../../../../src/codec/json/json-cursor.ts';
import { ServingError } from '../../../../src/core/errors.ts';

/** The offset after the value. */
function skip(text: string): number {
  const cursor = new JsonCursor();
  cursor.open(Buffer.from(text, 'latin1'));
  cursor.skipValue();
  return cursor.at;
}

describe('skipValue', () => {
  test('stops right after a value of any kind', () => {
    const values = [
      '0',
      '-1.5e+3',
      'true',
      'false',
      'null',
      '""',
      '"a\\"b"',
      '[]',
      '{}',
      '[1,[2,{"a":[]}],"]"]',
      '{"a":{"b":1},"c":[]}',
    ];
    for (const value of values) assert.equal(skip(`${value} ,`), value.length, value);
  });

  test('white space is blank, tab, newline and return', () => {
    assert.equal(skip(' \t\r\n[ 1 , 2 ]'), 13);
    assert.throws(() => skip('\f1'), ServingError);
    assert.throws(() => skip('\xa01'), ServingError);
  });

  test('takes NaN, Inf and Infinity with an optional minus, in that spelling alone', () => {
    for (const token of ['NaN', 'Inf', 'Infinity', '-NaN', '-Inf', '-Infinity'])
      assert.equal(skip(token), token.length);
    for (const token of ['nan', 'inf', 'NAN', 'infinity', '+Inf', '+1', '-', '--1', 'Nan', '-null']) {
      assert.throws(() => skip(token), ServingError, token);
    }
  });

  test('accepts all bytes above 0x7f in strings', () => {
    assert.equal(skip('"\xff\xfe\x80"'), 5);
  });

  test('nesting is limited only by the size of the text', () => {
    const depth = 1_000_000;
    assert.equal(skip('['.repeat(depth) + ']'.repeat(depth)), 2 * depth);
    assert.equal(skip(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`), 6 * depth + 1);
    assert.throws(
      () => skip('['.repeat(depth)),
      /at the end of its 1000000 bytes: a value is expected here, but the text ends/,
    );
  });
});

describe('a syntax error says where and what', () => {
  const table: readonly [text: string, message: RegExp][] = [
    ['', /at the end of its 0 bytes: a value is expected here, but the text ends/],
    ['?', /at byte 0: a value is expected here, but it has "\?"/],
    ['[1,]', /at byte 3: a value is expected/],
    ['[,1]', /at byte 1: a value is expected/],
    ['[1 2]', /at byte 3: a comma or \] is expected after an array element/],
    ['[1}', /at byte 2: a comma or \]/],
    ['[01]', /at byte 2: a comma or \]/],
    ['[1.]', /at byte 3: a digit is missing/],
    ['[.5]', /at byte 1: a value is expected/],
    ['[1e]', /at byte 3: a digit is missing/],
    ['[1e+]', /at byte 4: a digit is missing/],
    ['[-]', /at byte 2: a digit is missing/],
    ['1e400', /at byte 0: the number that begins here is too large for a double/],
    ['[-1e400]', /at byte 1: .* too large/],
    [`[${'9'.repeat(400)}]`, /at byte 1: .* too large/],
    ['tru', /at byte 0: a value is expected/],
    ['nulL', /at byte 0: a value is expected/],
    ['{a:1}', /at byte 1: the name of an object member is missing/],
    ['{"a" 1}', /at byte 5: the colon/],
    ['{"a":1,}', /at byte 7: the name of an object member is missing/],
    ['{"a":1]', /at byte 6: a comma or \}/],
    ['{"a"', /at the end of its 4 bytes: the colon/],
    ['"abc', /at byte 0: the string that begins here has no closing quotation mark/],
    ['"a\nb"', /at byte 2: a control character/],
    ['"a\x00b"', /at byte 2: a control character/],
    ['"\\x"', /at byte 1: an unknown escape/],
    ['"\\', /at byte 1: an unknown escape/],
    ['"\\u12g4"', /at byte 3: \\u wants four hex digits/],
    ['"\\u12', /at byte 3: \\u wants four hex digits/],
    ['"\\ud800"', /at byte 1: half of a surrogate pair/],
    ['"\\ud800\\u0041"', /at byte 1: half of a surrogate pair/],
    ['"\\udc00"', /at byte 1: half of a surrogate pair/],
  ];
  for (const [text, message] of table) {
    test(JSON.stringify(text.slice(0, 30)), () => {
      assert.throws(
        () => skip(text),
        (error) => error instanceof ServingError && error.kind === 'invalid_request' && message.test(error.message),
      );
    });
  }

  test('numbers near the limits of a double are no error', () => {
    for (const text of ['1e308', '1.7976931348623157e308', '1e-400', `0.${'0'.repeat(400)}1`, '9'.repeat(308)]) {
      assert.equal(skip(text), text.length);
    }
  });
});
