import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DType } from '../../../../src/core/dtype.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Shape } from '../../../../src/core/shape.ts';
import { readBody, readX } from '../../../support/json-bodies.ts';

function refuses(
  text: string,
  dtypes: Readonly<Record<string, DType>>,
  message: RegExp,
  kind = 'invalid_request',
): void {
  assert.throws(
    () => readBody(text, dtypes),
    (error) => {
      assert.ok(error instanceof ServingError, String(error));
      assert.equal(error.kind, kind);
      assert.match(error.message, message);
      return true;
    },
  );
}

const X = { x: 'float32' } as const;
const AB = { a: 'int64', b: 'float64' } as const;

describe('row format', () => {
  test('each element is a row', () => {
    assert.deepEqual(readX('{"instances":[1,2,3]}', 'float32'), { shape: [3], values: [1, 2, 3] });
    assert.deepEqual(readX('{"instances":[[1,2],[3,4]]}', 'int32'), { shape: [2, 2], values: [1, 2, 3, 4] });
    assert.deepEqual(readX('{"instances":[[],[]]}', 'float32'), { shape: [2, 0], values: [] });
    assert.deepEqual(readX('{"instances":[[[]],[[]]]}', 'string'), { shape: [2, 1, 0], values: [] });
  });

  test('one input may be named in every row', () => {
    assert.deepEqual(readX('{"instances":[{"x":[1,2]},{"x":[3,4]}]}', 'float32'), {
      shape: [2, 2],
      values: [1, 2, 3, 4],
    });
  });

  test('several inputs are named in every row, in any order', () => {
    assert.deepEqual(readBody('{"instances":[{"a":1,"b":[0.5]},{ "b" : [1.5] , "\\u0061":2 }]}', AB), {
      a: { shape: [2], values: [1n, 2n] },
      b: { shape: [2, 1], values: [0.5, 1.5] },
    });
  });

  test('instances that are no list of rows are refused', () => {
    refuses('{"instances":5}', X, /^"instances" is a number; send a list/);
    refuses('{"instances":{"x":1}}', X, /^"instances" is an object; send a list/);
    refuses('{"instances":"x"}', X, /^"instances" is a string/);
    refuses('{"instances":null}', X, /^"instances" is null/);
    refuses('{"instances":[]}', X, /^"instances" is empty; send at least one row/);
    refuses(
      '{"instances":[1]}',
      AB,
      /holds plain values, but the signature has several inputs: "a", "b"; send a list of objects/,
    );
    refuses('{"instances":[[1]]}', AB, /holds plain values/);
  });

  test('rows of different shapes name the row and the level', () => {
    refuses('{"instances":[[1,2],[3]]}', X, /^instances\[1\] is a list of 1, but the first list there has 2/);
    refuses('{"instances":[[[1],[2]],[[3],[4,5]]]}', X, /^instances\[1\]\[1\] is a list of 2, but .* has 1/);
    refuses('{"instances":[[1],[2],[[3]]]}', X, /^instances\[2\]\[0\] is a list, but others have single values/);
    refuses('{"instances":[[1],2]}', X, /^instances\[1\] is a single value, but others have lists/);
    refuses('{"instances":[[[]],[]]}', X, /^instances\[1\] is a list of 0, but .* has 1/);
    refuses('{"instances":[{"x":[1,2]},{"x":[1]}]}', X, /^instances\[1\]\.x is a list of 1, but .* has 2/);
    refuses('{"instances":[{"x":1},{"x":[1]}]}', X, /^instances\[1\]\.x is a list, but others/);
    refuses('{"instances":[{"x":[]},{"x":5}]}', X, /^instances\[1\]\.x is a single value, but others/);
  });

  test('objects and plain values do not mix', () => {
    refuses('{"instances":[{"x":1},2]}', X, /^instances\[1\] is a number, but the rows before it are objects/);
    refuses('{"instances":[{"x":1},[2]]}', X, /^instances\[1\] is a list, but/);
    refuses('{"instances":[1,{"x":2}]}', X, /^instances\[1\] is an object, but input "x" wants float32/);
    refuses('{"instances":[{"x":"a"},{"b64":"YQ=="}]}', { x: 'string' }, /^instances\[1\] has the key "b64"/);
  });

  test('every row has exactly the inputs as keys', () => {
    refuses(
      '{"instances":[{"a":1,"b":2},{"a":1}]}',
      AB,
      /^instances\[1\] lacks "b"; give each row exactly the keys "a", "b"/,
    );
    refuses('{"instances":[{}]}', AB, /^instances\[0\] lacks "a", "b"/);
    refuses('{"instances":[{"a":1,"b":2,"c":3}]}', AB, /^instances\[0\] has the key "c"; give/);
    refuses('{"instances":[{"a":1,"a":1}]}', AB, /^instances\[0\] has the key "a" twice/);
    refuses('{"instances":[{"y":1}]}', X, /^instances\[0\] has the key "y"/);
    refuses('{"instances":[{"b64":5}]}', { x: 'string' }, /^instances\[0\] has the key "b64"/);
  });
});

describe('columnar format', () => {
  test('plain values are the one input', () => {
    assert.deepEqual(readX('{"inputs":5}', 'float64'), { shape: [], values: [5] });
    assert.deepEqual(readX('{"inputs":[]}', 'float64'), { shape: [0], values: [] });
    assert.deepEqual(readX('{"inputs":[[1,2]]}', 'float64'), { shape: [1, 2], values: [1, 2] });
    assert.deepEqual(readX('{"inputs":"a"}', 'string'), { shape: [], values: ['a'] });
    assert.deepEqual(readX('{"inputs":{"b64":"YQ"}}', 'string'), { shape: [], values: ['a'] });
  });

  test('an object maps names to tensors of any rank', () => {
    assert.deepEqual(readBody('{"inputs":{"b":[[1],[2]],"a":7}}', AB), {
      b: { shape: [2, 1], values: [1, 2] },
      a: { shape: [], values: [7n] },
    });
  });

  test('a missing input is left to the check for all surfaces', () => {
    assert.deepEqual(readBody('{"inputs":{"a":7}}', AB), { a: { shape: [], values: [7n] } });
    assert.deepEqual(readBody('{"inputs":{}}', AB), {});
  });

  test('unknown names, repeated names, and plain values for several inputs are refused', () => {
    refuses('{"inputs":{"a":1,"b":2,"c":3}}', AB, /^"inputs" has the key "c", but the signature's inputs are "a", "b"/);
    refuses('{"inputs":{"a":1,"a":2}}', AB, /^"inputs" has the key "a" twice/);
    refuses('{"inputs":[1]}', AB, /^"inputs" holds plain values, but the signature has several/);
    refuses('{"inputs":{"b64":5}}', { x: 'string' }, /^"inputs" has the key "b64"/);
    refuses('{"inputs":{"x":[[1],2]}}', X, /^inputs\.x\[1\] is a single value/);
    refuses('{"inputs":[[1],2]}', X, /^inputs\[1\] is a single value/);
  });
});

describe('dims below empty lists', () => {
  const shapeOf = (text: string, dtype: DType, declared: Shape) =>
    readBody(text, { x: dtype }, { x: declared })['x']!.shape;

  test('are the declared ones where those are numbers', () => {
    for (const dtype of ['float32', 'int64', 'bool', 'string'] as const) {
      for (const [value, declared, shape] of [
        ['[]', [-1, 3], [0, 3]],
        ['[]', [-1, 4, 3], [0, 4, 3]],
        ['[[],[]]', [-1, -1, 16], [2, 0, 16]],
        ['[[],[],[]]', [-1, -1], [3, 0]],
      ] as const) {
        assert.deepEqual(shapeOf(`{"inputs":${value}}`, dtype, declared), shape, `${dtype} ${value}`);
        assert.deepEqual(shapeOf(`{"inputs":{"x":${value}}}`, dtype, declared), shape, `${dtype} ${value}`);
        if (value === '[]') continue;
        assert.deepEqual(shapeOf(`{"instances":${value}}`, dtype, declared), shape, `${dtype} ${value}`);
        const rows = (JSON.parse(value) as unknown[]).map((row) => ({ x: row }));
        assert.deepEqual(shapeOf(JSON.stringify({ instances: rows }), dtype, declared), shape, `${dtype} ${value}`);
      }
    }
  });

  test('stay as they came where nothing tells them, or where a list is not empty', () => {
    for (const [value, declared, shape] of [
      ['[]', [-1, -1], [0]],
      ['[]', [-1, 3, -1], [0]],
      ['[]', [-1], [0]],
      ['[]', [], [0]],
      ['[[],[]]', [-1, 3], [2, 0]],
      ['[[]]', [3], [1, 0]],
      ['[1,2]', [-1, 3], [2]],
      ['[[1],[2]]', [-1, 1, 3], [2, 1]],
    ] as const) {
      assert.deepEqual(shapeOf(`{"inputs":${value}}`, 'float32', declared), shape, value);
    }
    assert.deepEqual(readX('{"inputs":[]}', 'float32').shape, [0]);
  });

  test('are each input’s own', () => {
    const shapes = { a: [-1, -1, 2], b: [-1, 3] };
    const { a, b } = readBody('{"instances":[{"a":[],"b":[1,2,3]},{"a":[],"b":[4,5,6]}]}', AB, shapes);
    assert.deepEqual(
      [a!.shape, b!.shape],
      [
        [2, 0, 2],
        [2, 3],
      ],
    );
    const columns = readBody('{"inputs":{"a":[],"b":[]}}', AB, shapes);
    assert.deepEqual([columns['a']!.shape, columns['b']!.shape], [[0], [0, 3]]);
  });
});

describe('the body as a whole', () => {
  test('has one of instances and inputs', () => {
    refuses('{}', X, /neither "instances" .* nor "inputs"/);
    refuses('{"signature_name":"s"}', X, /neither/);
    refuses('{"instances":[1],"inputs":[1]}', X, /both "instances" and "inputs"; send only one/);
  });

  test('has an empty object for a signature without inputs', () => {
    assert.deepEqual(readBody('{"inputs":{}}', {}), {});
    assert.deepEqual(readBody('{"inputs": { } ,"signature_name":"constants"}', {}), {});
    for (const body of [
      '{"instances":[1]}',
      '{"instances":[]}',
      '{"instances":[{}]}',
      '{"inputs":[]}',
      '{"inputs":1}',
    ]) {
      refuses(body, {}, /^the signature has no inputs; send \{"inputs": \{\}\}/);
    }
    refuses('{"inputs":{"x":1}}', {}, /the signature has no inputs/);
  });

  test('lists nest as deep as a tensor may', () => {
    const nested = (depth: number): string => `{"inputs":${'['.repeat(depth)}1${']'.repeat(depth)}}`;
    assert.equal(readX(nested(64), 'float32').shape.length, 64);
    refuses(nested(65), X, /a tensor has 64 dimensions at most/);
    refuses(nested(100_000), X, /a tensor has 64 dimensions at most/);
  });
});

describe('numbers', () => {
  test('floats take any number; one that is too large for float32 is infinite', () => {
    const { values } = readX('{"instances":[1, -2.5e-3, 1E2, 0.1, 1e39, -1e39, 1e-50, 16777217]}', 'float32');
    assert.deepEqual(values, [1, Math.fround(-2.5e-3), 100, Math.fround(0.1), Infinity, -Infinity, 0, 16777216]);
    assert.deepEqual(
      readX('{"instances":[0.1, 1e308, 9007199254740993]}', 'float64').values,
      [0.1, 1e308, 9007199254740992],
    );
  });

  test('NaN, Inf and Infinity are floats, with an optional minus', () => {
    const text = '{"instances":[NaN, -NaN, Inf, -Inf, Infinity, -Infinity, 1]}';
    for (const dtype of ['float32', 'float64'] as const) {
      assert.deepEqual(readX(text, dtype).values, [NaN, NaN, Infinity, -Infinity, Infinity, -Infinity, 1]);
    }
    refuses(text, { x: 'int32' }, /^instances\[0\] is NaN, but input "x" wants int32; send whole numbers/);
  });

  test('minus zero keeps its sign', () => {
    assert.ok(readX('{"instances":[-0.0,-0]}', 'float32').values.every((value) => Object.is(value, -0)));
    assert.deepEqual(readX('{"instances":[-0]}', 'int32').values, [0]);
    assert.deepEqual(readX('{"instances":[-0]}', 'int64').values, [0n]);
  });

  test('float16 and bfloat16 are rounded to the nearest', () => {
    assert.deepEqual(readX('{"instances":[1, 0.1, 1e9]}', 'float16').values, [0x3c00, 0x2e66, 0x7c00]);
    assert.deepEqual(readX('{"instances":[1, NaN]}', 'bfloat16').values, [0x3f80, 0x7fc0]);
  });

  test('integers have neither fraction nor exponent', () => {
    for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const) {
      for (const text of ['1.0', '1e2', '1.5', '-0.0']) {
        refuses(
          `{"instances":[1,${text}]}`,
          { x: dtype },
          new RegExp(`^instances\\[1\\] is ${text}, but input "x" wants ${dtype}; send whole numbers, without`),
        );
      }
    }
  });

  test('32 bits and narrower take the range of int32, and wrap in narrower types', () => {
    const edges = '{"instances":[-2147483648, 2147483647]}';
    assert.deepEqual(readX(edges, 'int32').values, [-2147483648, 2147483647]);
    assert.deepEqual(readX('{"instances":[300, -1, 255]}', 'uint8').values, [44, 255, 255]);
    assert.deepEqual(readX('{"instances":[200, -129]}', 'int8').values, [-56, 127]);
    assert.deepEqual(readX('{"instances":[40000]}', 'int16').values, [-25536]);
    assert.deepEqual(readX('{"instances":[65535, 65536]}', 'uint16').values, [65535, 0]);
    for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'int32'] as const) {
      refuses('{"instances":[2147483648]}', { x: dtype }, /send whole numbers from -2147483648 to 2147483647/);
      refuses('{"instances":[-2147483649]}', { x: dtype }, /send whole numbers from -2147483648/);
    }
  });

  test('uint32, int64 and uint64 are exact to their ends, and end there', () => {
    assert.deepEqual(readX('{"instances":[0, 4294967295]}', 'uint32').values, [0, 4294967295]);
    assert.deepEqual(
      readX('{"instances":[9223372036854775807, -9223372036854775808, 9007199254740993]}', 'int64').values,
      [9223372036854775807n, -9223372036854775808n, 9007199254740993n],
    );
    assert.deepEqual(readX('{"instances":[18446744073709551615, 0]}', 'uint64').values, [18446744073709551615n, 0n]);
    assert.deepEqual(readX('{"instances":[123456789012, -123456789012, -1, 4294967296]}', 'int64').values, [
      123456789012n,
      -123456789012n,
      -1n,
      4294967296n,
    ]);
    refuses('{"instances":[4294967296]}', { x: 'uint32' }, /from 0 to 4294967295/);
    refuses('{"instances":[-1]}', { x: 'uint32' }, /from 0 to 4294967295/);
    refuses('{"instances":[-1]}', { x: 'uint64' }, /from 0 to 18446744073709551615/);
    refuses('{"instances":[18446744073709551616]}', { x: 'uint64' }, /from 0 to 18446744073709551615/);
    refuses(
      '{"instances":[9223372036854775808]}',
      { x: 'int64' },
      /is 9223372036854775808, but .* to 9223372036854775807/,
    );
    refuses(`{"instances":[${'1'.repeat(300)}]}`, { x: 'int64' }, /^instances\[0\] is 1{40}…, but/);
  });

  test('other kinds of values name their place, their kind and the fix', () => {
    refuses(
      '{"instances":[[1,"2"]]}',
      X,
      /^instances\[0\]\[1\] is a string, but input "x" wants float32; send numbers$/,
    );
    refuses('{"instances":[1,true]}', X, /^instances\[1\] is a boolean, but/);
    refuses('{"instances":[null]}', X, /^instances\[0\] is null, but/);
    refuses('{"inputs":{"x":{"b64":"YQ=="}}}', X, /^inputs\.x is an object, but/);
    refuses(
      '{"instances":[false]}',
      { x: 'int64' },
      /^instances\[0\] is a boolean, but input "x" wants int64; send whole numbers$/,
    );
  });
});

describe('booleans and strings', () => {
  test('bool takes true and false alone', () => {
    assert.deepEqual(readX('{"instances":[true,false]}', 'bool'), { shape: [2], values: [1, 0] });
    refuses(
      '{"instances":[1]}',
      { x: 'bool' },
      /^instances\[0\] is a number, but input "x" wants bool; send true or false/,
    );
    refuses('{"instances":["true"]}', { x: 'bool' }, /is a string/);
  });

  test('strings are bytes: escapes become UTF-8, raw bytes stay', () => {
    assert.deepEqual(
      readX('{"instances":["a\\n\\"\\\\\\/\\b\\f\\r\\t", "\\u00e9\\ud83d\\ude00\\u0000", "\xff\xfe", ""]}', 'string')
        .values,
      ['a\n"\\/\b\f\r\t', '\xc3\xa9\xf0\x9f\x98\x80\x00', '\xff\xfe', ''],
    );
  });

  test('base64 objects are bytes, at any depth and mixed with strings', () => {
    assert.deepEqual(readX('{"instances":[[{"b64":"\\/+8="}],[ { "b64" : "aGk" } ],["a"]]}', 'string'), {
      shape: [3, 1],
      values: ['\xff\xef', 'hi', 'a'],
    });
    assert.deepEqual(readX('{"instances":[{"b64":"YQ=="},"b"]}', 'string').values, ['a', 'b']);
    assert.deepEqual(readX('{"instances":[{"x":{"b64":"YQ=="}}]}', 'string'), { shape: [1], values: ['a'] });
  });

  test('values that are no string and no base64 are refused', () => {
    const S = { x: 'string' } as const;
    refuses(
      '{"instances":[5]}',
      S,
      /^instances\[0\] is a number, but input "x" wants string; send strings, or \{"b64"/,
    );
    refuses('{"instances":["a",{"b64":"a_b="}]}', S, /^instances\[1\] is an object whose "b64" is not base64/);
    refuses('{"instances":["a",{"c":"YQ"}]}', S, /^instances\[1\] is an object, but .*"b64" and a string alone/);
    refuses('{"instances":["a",{"b64":"YQ","c":1}]}', S, /^instances\[1\] is an object/);
    refuses('{"instances":["a",{}]}', S, /^instances\[1\] is an object/);
    refuses('{"instances":["a",{"b64":5}]}', S, /^instances\[1\] is an object/);
  });

  test('more strings than memory should hold are too large', () => {
    const body = `{"instances":["",${'"",'.repeat(1_000_000)}""]}`;
    refuses(body, { x: 'string' }, /more than 262144 strings/, 'too_large');
  });
});
