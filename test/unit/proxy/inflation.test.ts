import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { ServingError } from '../../../src/core/errors.ts';
import { InflationError, InflationGate, inflate, type StreamCoding } from '../../../src/proxy/inflation.ts';

const MIB = 2 ** 20;
const LIMITS = { maxBytes: 64 * MIB };
/** Numbers as text, which gzip makes about half as long. */
const NUMBERS = Buffer.from(JSON.stringify(Array.from({ length: 50_000 }, (_, i) => Math.sin(i))));
const blanks = (bytes: number): Buffer => Buffer.alloc(bytes, ' ');
/** Its usual quality takes a second for a megabyte. */
const brotli = (bytes: Buffer): Buffer =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });

async function faultOf(bytes: Buffer, codings: readonly StreamCoding[], limits = LIMITS): Promise<string> {
  try {
    await inflate(bytes, codings, limits);
    return 'none';
  } catch (error) {
    return error instanceof InflationError ? error.fault : String(error);
  }
}

describe('inflation', () => {
  it('gives the bytes back, whole or in pieces, one coding or three', async () => {
    for (const text of [Buffer.alloc(0), Buffer.from('x'), NUMBERS]) {
      assert.ok((await inflate(gzipSync(text), ['unzip'], LIMITS)).equals(text));
      assert.ok((await inflate(deflateSync(text), ['unzip'], LIMITS)).equals(text));
      assert.ok((await inflate(brotli(text), ['br'], LIMITS)).equals(text));
      const thrice = gzipSync(brotli(gzipSync(text)));
      assert.ok((await inflate(thrice, ['gunzip', 'br', 'unzip'], LIMITS)).equals(text));
      const members = Buffer.concat([gzipSync(text), gzipSync(NUMBERS)]);
      assert.ok((await inflate(members, ['gunzip'], LIMITS)).equals(Buffer.concat([text, NUMBERS])));
    }
  });

  it('4 MiB may come of little, and 200 times the input of more', async () => {
    assert.equal(await faultOf(gzipSync(blanks(4 * MIB)), ['unzip']), 'none');
    assert.equal(await faultOf(gzipSync(blanks(6 * MIB)), ['unzip']), 'ratio');
    assert.equal(await faultOf(gzipSync(blanks(16 * MIB)), ['unzip']), 'ratio');
    assert.equal(await faultOf(brotli(blanks(16 * MIB)), ['br']), 'ratio');
    const mixed = Buffer.concat([NUMBERS, blanks(12 * MIB), NUMBERS]);
    assert.equal(await faultOf(gzipSync(mixed), ['unzip']), 'none');
  });

  it('a coding over another is held to the ratio too, at any depth', async () => {
    const bomb = gzipSync(blanks(16 * MIB));
    assert.equal(await faultOf(gzipSync(bomb), ['unzip', 'unzip']), 'ratio');
    assert.equal(await faultOf(gzipSync(gzipSync(bomb)), ['unzip', 'unzip', 'unzip']), 'ratio');
  });

  it('what is cut off, broken, or followed by something, in pieces too', async () => {
    for (const [whole, coding] of [
      [gzipSync(NUMBERS), 'unzip'],
      [deflateSync(NUMBERS), 'inflate'],
      [brotli(NUMBERS), 'br'],
    ] as const) {
      assert.ok(whole.length > 100_000);
      for (const bytes of [whole.subarray(0, -1), NUMBERS, Buffer.concat([whole, Buffer.from('more')])]) {
        assert.equal(await faultOf(bytes, [coding]), 'broken', coding);
      }
    }
  });

  it('charges every piece, and ends with the refusal', async () => {
    const refusal = new ServingError('overloaded', 'no room');
    let most = 0;
    const hold = (bytes: number): ServingError | undefined => {
      most = Math.max(most, bytes);
      return bytes > MIB / 2 ? refusal : undefined;
    };
    await assert.rejects(inflate(gzipSync(NUMBERS), ['unzip'], { ...LIMITS, hold }), refusal);
    assert.ok(most < MIB / 2 + 100_000, `${most}`);
  });
});

describe('the gate before inflation', () => {
  it('lets two in, and callers that have none under way before those that have', async () => {
    const gate = new InflationGate(2);
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const ask = (caller: string, name: string): Promise<void> =>
      gate.run(caller, () => {
        begun.push(name);
        return new Promise((resolve) => ends.push(resolve));
      });
    const settle = (): Promise<void> => new Promise(setImmediate);
    const all = [ask('a', 'a1'), ask('a', 'a2'), ask('a', 'a3'), ask('a', 'a4'), ask('b', 'b1')];
    await settle();
    assert.deepEqual(begun, ['a1', 'a2']);
    for (const wanted of ['b1', 'a3', 'a4']) {
      ends.shift()!();
      await settle();
      assert.equal(begun.at(-1), wanted);
    }
    while (ends.length > 0) ends.shift()!();
    await Promise.all(all);
  });

  it('goes on after a failure', async () => {
    const gate = new InflationGate(1);
    await assert.rejects(gate.run('a', () => Promise.reject(new Error('broken'))));
    assert.equal(await gate.run('a', async () => 1), 1);
  });
});
