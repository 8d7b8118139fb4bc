/**
 * Lists of numbers → doubles in one sweep: it reads numbers of up to 19 digits, exactly, and stops at the start of what it
 * does not read.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMMA, ZERO } from '../../src/codec/json/json-chars.ts';
import { MAX_DIGITS, NumberRows } from '../../src/codec/json/number-rows.ts';

const numbers = new NumberRows();

function read(bytes: Buffer, out: Float64Array, index: number): number {
  numbers.open(bytes);
  return numbers.read(0, out, index);
}

const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.nat({ max: 9 }), { minLength, maxLength }).map((list) => list.join(''));
const sign = fc.constantFrom('', '-');
const whole = digits(1, 4).map((text) => text.replace(/^0+(?=.)/, ''));

/** As they count for a sweep: not a zero in front of the point. Infinity of what has an exponent. */
function digitsOf(text: string): number {
  const [, front, decimals] = /^-?0?(\d*)\.?(\d*)$/.exec(text) ?? [];
  return front === undefined ? Infinity : front.length + decimals!.length;
}

const plain = fc.oneof(
  fc.tuple(sign, whole).map((parts) => parts.join('')),
  fc.tuple(sign, whole, fc.constant('.'), digits(1, 15)).map((parts) => parts.join('')),
  fc.tuple(sign, fc.constant('0.'), digits(1, 19)).map((parts) => parts.join('')),
  fc.tuple(sign, digits(0, 18)).map(([minus, text]) => `${minus}1${text}`),
  // What clients print: 17 digits of any double that is not too small.
  fc
    .double({ min: -1e6, max: 1e6, noNaN: true })
    .map(String)
    .filter((text) => digitsOf(text) <= MAX_DIGITS),
  fc.constantFrom('0', '-0', '-0.0', '0.00000001', '9999999999999999999', '-99999999.9'),
);
const notPlain = fc.oneof(
  fc.tuple(sign, whole, fc.constant('.'), digits(20, 40)).map((parts) => parts.join('')),
  digits(19, 60).map((text) => `1${text}`),
  fc
    .tuple(plain, fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(1, 3))
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

test('numbers are read as Number reads them, to the end of the list', () => {
  const lists = fc.array(fc.tuple(plain, separator), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lists, fc.constantFrom(']', ' ]', '}', '\n,'), (items, rest) => {
      const { text } = joined(items);
      const out = new Float64Array(50);
      const end = read(Buffer.from(text + rest), out, 3);
      assert.equal(end, text.length);
      assert.equal(numbers.isBehindNumber, true);
      assert.equal(numbers.count, items.length);
      items.forEach(([item], i) => {
        assert.ok(Object.is(out[3 + i], Number(item)), `${item} was read as ${out[3 + i]}`);
      });
      const isExact = (item: string): boolean => /^-?\d{1,15}$/.test(item);
      assert.equal(
        numbers.areExactIntegers,
        items.every(([item]) => isExact(item)),
      );
    }),
    { numRuns: 5000 },
  );
});

test('it stops at the start of what it does not read, and reads nothing of it', () => {
  const before = fc.array(fc.tuple(plain, separator), { maxLength: 10 });
  const after = fc.array(fc.tuple(plain, separator), { maxLength: 3 });
  fc.assert(
    fc.property(before, fc.tuple(notPlain, separator), after, (head, odd, tail) => {
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
  for (const all of ['9999999999999999999', '1000000000000000001', '1234567890123456789', '9007199254740993000']) {
    for (let length = 1; length <= MAX_DIGITS; length++) {
      for (let point = 1; point <= length; point++) {
        const text = `${all.slice(0, point)}.${all.slice(point, length)}`.replace(/\.$/, '');
        read(Buffer.from(`${text}]`), out, 0);
        assert.equal(out[0], Number(text), text);
      }
    }
  }
});

test('half way between two doubles, and next to it, is rounded as Number rounds it', () => {
  const out = new Float64Array(1);
  // 53 bits and one more, with as many decimals as leave it within 19 digits.
  const odd = fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }).map((bits) => 2n * bits + 1n);
  fc.assert(
    fc.property(odd, fc.nat({ max: 3 }), fc.constantFrom(-1n, 0n, 1n), (half, power, beside) => {
      // half / 2^power is written exactly in `power` decimals; beside is one in the last place.
      const scaled = half * 5n ** BigInt(power) + beside;
      const text = String(scaled).padStart(power + 1, '0');
      const number = power === 0 ? text : `${text.slice(0, -power)}.${text.slice(-power)}`;
      if (text.length > MAX_DIGITS) return;
      read(Buffer.from(`${number}]`), out, 0);
      assert.equal(out[0], Number(number), number);
    }),
    { numRuns: 20_000 },
  );
});

test('a list longer than a block is read as if it were none, wherever the block ends', () => {
  const items = fc.sample(plain, { numRuns: 3000, seed: 7 });
  const text = Array.from({ length: 5 }, (_, round) => items.join(round % 2 === 0 ? ',' : ', ')).join(',');
  const expected = Array.from({ length: 5 }, () => items.map(Number)).flat();
  for (let shift = 0; shift < 100; shift++) {
    const bytes = Buffer.from(`${' '.repeat(shift)}${text}] `);
    const out = new Float64Array(expected.length + 1);
    numbers.open(bytes);
    assert.equal(numbers.read(shift, out, 0), bytes.length - 2);
    assert.equal(numbers.count, expected.length);
    assert.deepEqual(out.subarray(0, -1), Float64Array.from(expected));
  }
});

test('a number at the very end of the bytes is left to whoever knows that they end', () => {
  const out = new Float64Array(2);
  assert.equal(read(Buffer.from('1, 23'), out, 0), 3);
  assert.deepEqual([numbers.count, numbers.isBehindNumber], [1, false]);
});

test('a byte that is no digit is none, wherever it stands in the eight that are read at once', () => {
  const out = new Float64Array(2);
  for (let byte = 0; byte < 256; byte++) {
    if (byte >= ZERO && byte <= ZERO + 9) continue;
    for (let place = 1; place <= 7; place++) {
      const bytes = Buffer.from('0.12345678]');
      bytes[2 + place] = byte;
      const end = read(bytes, out, 0);
      const isRead = ![',', 'e', 'E', '.'].includes(String.fromCharCode(byte));
      assert.equal(numbers.count > 0, isRead || byte === COMMA, `byte ${byte} at ${place}`);
      if (isRead) assert.deepEqual([end, out[0]], [2 + place, Number('0.12345678'.slice(0, 2 + place))]);
    }
  }
});
