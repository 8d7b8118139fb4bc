/**
 * Lists of numbers → doubles in one sweep: it reads what is short, exactly, and stops at the start of what is not.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMMA, ZERO } from '../../src/proxy/http/json-chars.ts';
import { MAX_DIGITS, ShortNumbers } from '../../src/proxy/http/short-numbers.ts';

const numbers = new ShortNumbers();

function read(bytes: Buffer, out: Float64Array, index: number): number {
  numbers.open(bytes);
  return numbers.read(bytes, 0, out, index);
}

const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.nat({ max: 9 }), { minLength, maxLength }).map((list) => list.join(''));
const sign = fc.constantFrom('', '-');
const whole = digits(1, 4).map((text) => text.replace(/^0+(?=.)/, ''));

const short = fc.oneof(
  fc.tuple(sign, whole).map((parts) => parts.join('')),
  fc.tuple(sign, whole, fc.constant('.'), digits(1, 5)).map((parts) => parts.join('')),
  fc.tuple(sign, fc.constant('0.'), digits(1, 9)).map((parts) => parts.join('')),
  fc.constantFrom('0', '-0', '-0.0', '0.00000001', '999999999', '-99999999.9'),
);
const notShort = fc.oneof(
  fc.tuple(sign, whole, fc.constant('.'), digits(10, 30)).map((parts) => parts.join('')),
  digits(10, 40).map((text) => `1${text}`),
  fc
    .tuple(short, fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(1, 3))
    .map((parts) => parts.join('')),
  fc.constantFrom('-', '.5', '1.', '-.', '01', '-00.5', 'NaN', '-Infinity', '"1"', '[1]', 'null', '+1'),
);
const separator = fc.constantFrom(',', ', ');

interface List {
  readonly text: string;
  /** Where each number begins. */
  readonly starts: readonly number[];
}

function joined(items: readonly (readonly [string, string])[]): List {
  const starts: number[] = [];
  let text = '';
  for (const [item, gap] of items) {
    if (text !== '') text += gap;
    starts.push(text.length);
    text += item;
  }
  return { text, starts };
}

test('short numbers are read as Number reads them, to the end of the list', () => {
  const lists = fc.array(fc.tuple(short, separator), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lists, fc.constantFrom(']', '', ' ]', '}', '\n,'), (items, rest) => {
      const { text } = joined(items);
      const out = new Float64Array(50);
      const end = read(Buffer.from(text + rest), out, 3);
      assert.equal(end, text.length);
      assert.equal(numbers.isBehindNumber, true);
      assert.equal(numbers.count, items.length);
      items.forEach(([item], i) => {
        assert.ok(Object.is(out[3 + i], Number(item)), `${item} was read as ${out[3 + i]}`);
      });
      assert.equal(numbers.areIntegers, !text.includes('.'));
    }),
    { numRuns: 5000 },
  );
});

test('it stops at the start of what is no short number, and reads nothing of it', () => {
  const before = fc.array(fc.tuple(short, separator), { maxLength: 10 });
  const after = fc.array(fc.tuple(short, separator), { maxLength: 3 });
  fc.assert(
    fc.property(before, fc.tuple(notShort, separator), after, (head, odd, tail) => {
      const { text, starts } = joined([...head, odd, ...tail]);
      const out = new Float64Array(50);
      const end = read(Buffer.from(`${text}]`), out, 0);
      assert.equal(end, starts[head.length]);
      assert.equal(numbers.isBehindNumber, false);
      assert.equal(numbers.count, head.length);
      assert.ok(out.subarray(head.length).every((value) => value === 0));
    }),
    { numRuns: 5000 },
  );
});

test('it stops where the room ends, at the start of the next number', () => {
  const bytes = Buffer.from('1, 2,3.5, 4]');
  for (let room = 0; room <= 4; room++) {
    const end = read(bytes, new Float64Array(room), 0);
    assert.equal(numbers.count, room);
    assert.equal(end, [0, 3, 5, 10, 11][room]);
    assert.equal(numbers.isBehindNumber, room === 4);
  }
});

test(`as many as ${MAX_DIGITS} digits, wherever the point stands, are exact`, () => {
  const out = new Float64Array(1);
  for (let point = 1; point < MAX_DIGITS; point++) {
    for (const all of ['999999999', '100000001', '123456789', '987654321']) {
      const text = `${all.slice(0, point)}.${all.slice(point)}`;
      read(Buffer.from(text), out, 0);
      assert.equal(out[0], Number(text), text);
    }
  }
});

test('a byte that is no digit is none, wherever it stands in the four that are read at once', () => {
  const out = new Float64Array(2);
  for (let byte = 0; byte < 256; byte++) {
    if (byte >= ZERO && byte <= ZERO + 9) continue;
    for (let place = 1; place <= 7; place++) {
      const bytes = Buffer.from('0.12345678]');
      bytes[2 + place] = byte;
      const end = read(bytes, out, 0);
      const isShort = ![',', 'e', 'E'].includes(String.fromCharCode(byte));
      assert.equal(numbers.count > 0, isShort || byte === COMMA, `byte ${byte} at ${place}`);
      if (isShort) assert.deepEqual([end, out[0]], [2 + place, Number('0.12345678'.slice(0, 2 + place))]);
    }
  }
});
