import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DecisionStore } from '../../../src/features/row-proofs/decision-store.ts';
import { StateFiles } from '../../../src/files/state-files.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const logger = createLogger({ level: 'silent', clock: new FakeClock() });
const clock = new FakeClock();
const storeIn = (directory: string, serverVersion = '1') =>
  new DecisionStore({
    files: directory === '' ? undefined : new StateFiles({ directory, clock }),
    logger,
    serverVersion,
  });
const ROWS = { kind: 'rows', reason: 'seen in 46 runs' } as const;
const bytes = async () => 'abc';

describe('DecisionStore', () => {
  it('gives a later start what was kept of the same bytes, runtime and server', async (t) => {
    const directory = join(tempDirectory(t), 'state');
    const kept = await storeIn(directory).open('a/b', 'onnx cpu', bytes);
    assert.equal(kept.of('s'), undefined);
    await kept.keep('s', ROWS);
    await kept.keep('other', { kind: 'mixed', reason: 'a softmax' });
    const again = await storeIn(directory).open('a/b', 'onnx cpu', bytes);
    assert.deepEqual([again.of('s'), again.of('other')], [ROWS, { kind: 'mixed', reason: 'a softmax' }]);
    const others = [
      storeIn(directory).open('a/b', 'onnx cuda', bytes),
      storeIn(directory).open('a/b', 'onnx cpu', async () => 'abd'),
      storeIn(directory, '2').open('a/b', 'onnx cpu', bytes),
      storeIn(directory).open('c', 'onnx cpu', bytes),
    ];
    for (const other of await Promise.all(others)) assert.equal(other.of('s'), undefined);
    assert.equal((await readdir(directory)).length, 1);
  });

  it('gives it what was kept of a padding, while it is the same padding', async (t) => {
    const directory = join(tempDirectory(t), 'state');
    const kept = await storeIn(directory).open('m', 'onnx cpu', bytes);
    const accepted = { kind: 'accepted', reason: '40 runs', runs: 40, most: 65, isWhole: false } as const;
    await kept.keepPadding('s', 'ids with 0', accepted);
    await kept.keep('s', ROWS);
    const rejected = { kind: 'rejected', reason: 'it counts', runs: 7, most: 0, isWhole: true } as const;
    await kept.keepPadding('other', 'ids with 0', rejected);
    const again = await storeIn(directory).open('m', 'onnx cpu', bytes);
    assert.deepEqual(
      [again.paddingOf('s', 'ids with 0'), again.of('s')],
      [{ padding: 'ids with 0', ...accepted }, ROWS],
    );
    assert.equal(again.paddingOf('s', 'ids with 1'), undefined);
    assert.equal(again.paddingOf('other', 'ids with 0')?.kind, 'rejected');
    assert.equal(again.of('other'), undefined);
    const [file] = await readdir(directory);
    const whole = { padding: 'p', kind: 'accepted', reason: '', runs: 1, most: 9, isWhole: true };
    for (const padding of [
      null,
      7,
      {},
      { ...whole, kind: 'undecided' },
      { ...whole, most: -1 },
      { ...whole, isWhole: 1 },
    ]) {
      await writeFile(join(directory, file!), JSON.stringify({ format: 3, paddings: { s: padding } }));
      const other = await storeIn(directory).open('m', 'onnx cpu', bytes);
      assert.equal(other.paddingOf('s', 'p'), undefined);
    }
  });

  it('keeps nothing without a directory, or of bytes that changed while they were loaded', async (t) => {
    const none = await storeIn('').open('m', 'onnx cpu', () => assert.fail('nothing needs a hash'));
    await none.keep('s', ROWS);
    await none.keepPadding('s', 'p', { kind: 'accepted', reason: '', runs: 1, most: 9, isWhole: true });
    assert.deepEqual([none.of('s'), none.paddingOf('s', 'p')], [undefined, undefined]);
    const directory = tempDirectory(t);
    const changed = await storeIn(directory).open('m', 'onnx cpu', async () => undefined);
    await changed.keep('s', ROWS);
    assert.deepEqual(await readdir(directory), []);
  });

  it('ignores a file of another format, or of none', async (t) => {
    const directory = tempDirectory(t);
    await (await storeIn(directory).open('m', 'onnx cpu', bytes)).keep('s', ROWS);
    const [file] = await readdir(directory);
    for (const text of [
      '',
      '{',
      '[]',
      'null',
      '{"format":2}',
      '{"format":1}',
      '{"format":3,"signatures":{"s":{"kind":"rows"}}}',
    ]) {
      await writeFile(join(directory, file!), text);
      const kept = await storeIn(directory).open('m', 'onnx cpu', bytes);
      assert.equal(kept.of('s'), undefined, text);
    }
    const kept = await storeIn(directory).open('m', 'onnx cpu', bytes);
    await kept.keep('s', ROWS);
    assert.deepEqual((await storeIn(directory).open('m', 'onnx cpu', bytes)).of('s'), ROWS);
  });
});
