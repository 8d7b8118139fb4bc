/** The file of requests, after any cut and any flipped byte, and what is refused in its place. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { RingFile } from '../../../../src/features/flight-recorder/file/ring-file.ts';
import { encodeRecord, HEAD_BYTES } from '../../../../src/features/flight-recorder/file/ring-format.ts';

const BYTES = 96 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'pillion-ring-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const newPath = (): string => join(directory, `ring-${++files}`);

/** Texts as callers may choose them, with what records are made of. */
const texts = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ minLength: 300, maxLength: 2000 }),
    fc.constant(encodeRecord({ kind: 'request', wallMs: 1, sequence: 99, text: 'forged' })!.toString('latin1')),
    fc.constant(encodeRecord({ kind: 'request', wallMs: 1, sequence: 99, text: 'forged' })!.toString('utf8')),
  ),
  { minLength: 1, maxLength: 60 },
);

async function written(path: string, all: readonly string[]): Promise<void> {
  const file = await RingFile.open(path, BYTES);
  for (let i = 0; i < all.length; i += 7) {
    await file.append(
      'requests',
      all.slice(i, i + 7).map((text, j) => ({ kind: 'request' as const, wallMs: i + j, text })),
    );
  }
  await file.close();
}

/** The texts in the order in which they were written. */
async function read(path: string): Promise<string[]> {
  const file = await RingFile.open(path, BYTES);
  const found: { readonly sequence: number; readonly text: string }[] = [];
  for await (const part of file.read('requests')) {
    for (const { sequence, text } of part) found.push({ sequence, text });
  }
  await file.close();
  return found.sort((a, b) => a.sequence - b.sequence).map(({ text }) => text);
}

const asUtf8 = (text: string): string => Buffer.from(text).toString();

function isInOrder(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const text of part) {
    at = whole.indexOf(text, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

describe('the file of requests', () => {
  it('has what was written, newest last; the oldest go first, and the size has a bound', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 5 }), async (some, rounds) => {
        const path = newPath();
        const all = Array.from({ length: rounds }, () => some)
          .flat()
          .map((text, i) => asUtf8(`${i} ${text}`));
        for (let i = 0; i < all.length; i += 40) await written(path, all.slice(i, i + 40));
        const found = await read(path);
        assert.ok(isInOrder(found, all));
        assert.equal(found.at(-1), all.at(-1));
        assert.ok(statSync(path).size <= BYTES);
        assert.equal(statSync(path).mode & 0o777, 0o600);
        const bytes = all.reduce((sum, text) => sum + Buffer.byteLength(text) + 48, 0);
        if (bytes < BYTES / 2) assert.deepEqual(found, all);
      }),
      { numRuns: 40 },
    );
  });

  it('has all that is whole before any cut, and goes on after it', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.double({ min: 0, max: 1, noNaN: true }), async (some, share) => {
        const path = newPath();
        const all = some.map(asUtf8);
        await written(path, all);
        const { size } = statSync(path);
        truncateSync(path, HEAD_BYTES + Math.floor((size - HEAD_BYTES) * share));
        const found = await read(path);
        assert.deepEqual(found, all.slice(0, found.length));
        await written(path, ['after the cut']);
        assert.deepEqual(await read(path), [...found, 'after the cut']);
      }),
      { numRuns: 60 },
    );
  });

  it('lacks one record at most after a flipped byte, and has nothing that was not written', async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        async (some, share, flip) => {
          const path = newPath();
          const all = some.map(asUtf8);
          await written(path, all);
          const bytes = readFileSync(path);
          const at = HEAD_BYTES + Math.floor((bytes.length - HEAD_BYTES - 1) * share);
          bytes[at]! ^= flip;
          writeFileSync(path, bytes);
          const found = await read(path);
          assert.ok(found.length >= all.length - 1);
          assert.ok(isInOrder(found, all));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('finds no forged record in a text whose own record was overwritten in part', async () => {
    const path = newPath();
    const forged = encodeRecord({ kind: 'request', wallMs: 1, sequence: 99, text: 'forged' })!;
    for (let shift = 0; shift < 16; shift++) {
      await written(path, [
        `${'x'.repeat(shift)}${forged.toString('latin1')}`,
        ...new Array<string>(9).fill('x'.repeat(9000)),
      ]);
      assert.equal((await read(path)).includes('forged'), false);
    }
  });

  it('belongs to one process, and is free when that closes it', async () => {
    const path = newPath();
    const first = await RingFile.open(path, BYTES);
    await assert.rejects(RingFile.open(path, BYTES), /another process writes/);
    await first.close();
    await (await RingFile.open(path, BYTES)).close();
  });

  it('leaves out a text that is too long', async () => {
    const path = newPath();
    await written(path, ['a', 'b'.repeat(20_000), 'c']);
    assert.deepEqual(await read(path), ['a', 'c']);
  });

  it('keeps its size when another one is asked for', async () => {
    const path = newPath();
    await written(path, ['a']);
    const file = await RingFile.open(path, 8 * BYTES);
    assert.ok(file.bytes <= BYTES);
    await file.close();
  });

  it('is opened again without many readings of what is still empty', {
    skip: process.platform !== 'linux',
  }, async () => {
    const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
    const path = newPath();
    const file = await RingFile.open(path, 16 * 2 ** 20);
    for (const ring of ['traffic', 'requests'] as const) {
      await file.append(ring, [{ kind: 'request', wallMs: 1, text: 'a' }]);
    }
    await file.close();
    const before = bytesRead();
    assert.deepEqual(await read(path), ['a']);
    assert.ok(bytesRead() - before < 8 * 2 ** 20);
  });

  it('becomes readable for its owner alone', async () => {
    const path = newPath();
    await written(path, ['a']);
    chmodSync(path, 0o644);
    assert.deepEqual(await read(path), ['a']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

describe('what is no file of requests', () => {
  it('is refused, and left as it is', async () => {
    const text = newPath();
    writeFileSync(text, 'the notes of somebody', { mode: 0o640 });
    await assert.rejects(RingFile.open(text, BYTES), /is no file of requests; remove it or name another one/);
    assert.equal(readFileSync(text, 'utf8'), 'the notes of somebody');
    assert.equal(statSync(text).mode & 0o777, 0o640);
    const good = newPath();
    await written(good, ['a']);
    const link = newPath();
    symlinkSync(good, link);
    await assert.rejects(RingFile.open(link, BYTES), /is a link/);
    const second = newPath();
    linkSync(good, second);
    await assert.rejects(RingFile.open(good, BYTES), /hard links/);
    await assert.rejects(RingFile.open(directory, BYTES), /is a directory/);
    await assert.rejects(RingFile.open(join(directory, 'none', 'ring'), BYTES), /ENOENT/);
  });

  it('is any file with a damaged head', async () => {
    const path = newPath();
    await written(path, ['a']);
    const bytes = readFileSync(path);
    for (let at = 0; at < 34; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x80;
      writeFileSync(path, damaged);
      await assert.rejects(RingFile.open(path, BYTES), /is no file of requests/);
    }
  });
});
