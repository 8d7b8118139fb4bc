import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VersionPolicy } from '../../../../src/config/model-config.ts';
import { VersionWatch } from '../../../../src/models/versions/version-watch.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeFiles } from '../../../support/model-lifecycle-harness.ts';

const LATEST: VersionPolicy = { kind: 'latest', count: 1 };

function watch() {
  const files = new FakeFiles();
  const clock = new FakeClock();
  const subject = new VersionWatch(files, clock);
  const failed = new Set<bigint>();
  const wished = new Set<bigint>();
  /** The files that a version has failed with. */
  const broken = new Map<bigint, string>();
  const look = async (policy = LATEST) => {
    const { aspired, byOperator, found, isChanging, whyNone } = await subject.poll({
      basePath: '/m',
      policy,
      hasFailed: (version) => failed.has(version),
      isBroken: ({ version, fingerprint }) => broken.get(version) === fingerprint,
      byOperator: [...wished],
    });
    const numbers = byOperator.map(({ version }) => version);
    const versions = aspired?.map(({ version }) => version);
    const texts = aspired?.map(({ fingerprint }) => fingerprint);
    return { versions, files: texts, byOperator: numbers, found, isChanging, whyNone };
  };
  return { files, clock, look, failed, wished, broken };
}

describe('VersionWatch', () => {
  it('takes at once what has been at rest for long', async () => {
    const { files, look } = watch();
    files.put('/m', 1n);
    assert.deepEqual((await look()).versions, [1n]);
  });

  it('takes what is new when two looks in a row see the same', async () => {
    const { files, clock, look } = watch();
    files.put('/m', 1n, { changedAtMs: clock.wallMs(), text: 'half' });
    const first = await look();
    assert.equal(first.versions, undefined);
    assert.equal(first.isChanging, true);
    assert.match(first.whyNone!, /version 1 in \/m is still being written/);
    files.put('/m', 1n, { changedAtMs: clock.wallMs(), text: 'whole' });
    assert.equal((await look()).versions, undefined);
    assert.deepEqual((await look()).versions, [1n]);
  });

  it('does not believe a time in the future, but two equal looks', async () => {
    const { files, clock, look } = watch();
    files.put('/m', 1n, { changedAtMs: clock.wallMs() + 1e9 });
    assert.equal((await look()).versions, undefined);
    assert.deepEqual((await look()).versions, [1n]);
  });

  it('keeps the version before while the latest is copied', async () => {
    const { files, clock, look } = watch();
    files.put('/m', 1n);
    await look();
    files.put('/m', 2n, { changedAtMs: clock.wallMs() });
    const looks = [await look(), await look()];
    assert.deepEqual(
      looks.map(({ versions, isChanging, whyNone }) => ({ versions, isChanging, whyNone })),
      [
        { versions: [1n], isChanging: true, whyNone: undefined },
        { versions: [2n], isChanging: false, whyNone: undefined },
      ],
    );
  });

  it('waits for an empty directory without haste', async () => {
    const { files, look } = watch();
    files.put('/m', 1n, { files: 0 });
    assert.equal((await look()).isChanging, true);
    const again = await look();
    assert.equal(again.isChanging, false);
    assert.match(again.whyNone!, /version 1 in \/m holds no file yet/);
  });

  it('looks into a version once, and into a failed one again', async () => {
    const { files, clock, look, failed } = watch();
    files.put('/m', 1n);
    await look();
    await look();
    assert.equal(files.fingerprints, 1);
    failed.add(1n);
    assert.deepEqual((await look()).versions, [1n]);
    files.put('/m', 1n, { text: 'mended', changedAtMs: clock.wallMs() });
    const first = await look();
    assert.deepEqual([first.versions, first.files, first.isChanging], [[1n], ['a'], true], 'still the files before');
    const second = await look();
    assert.deepEqual([second.versions, second.files, second.isChanging], [[1n], ['mended'], false]);
    files.put('/m', 1n, { files: 0, text: 'emptied', changedAtMs: clock.wallMs() });
    assert.deepEqual((await look()).versions, [1n]);
    assert.equal((await look()).versions, undefined);
  });

  it('asks under latest for the version before one that is broken, and for the broken one with other files', async () => {
    const { files, look, failed, broken } = watch();
    for (let version = 1n; version <= 4n; version++) files.put('/m', version);
    for (const version of [4n, 3n]) {
      failed.add(version);
      broken.set(version, 'a');
    }
    assert.deepEqual((await look()).versions, [4n, 3n, 2n]);
    assert.deepEqual((await look({ kind: 'latest', count: 2 })).versions, [4n, 3n, 2n, 1n]);
    assert.deepEqual((await look({ kind: 'specific', versions: [4n] })).versions, [4n]);
    files.put('/m', 4n, { text: 'mended' });
    assert.deepEqual((await look()).versions, [4n]);
  });

  it('looks only into versions that the policy asks for', async () => {
    const { files, look } = watch();
    for (let version = 1n; version <= 50n; version++) files.put('/m', version);
    assert.deepEqual((await look()).versions, [50n]);
    assert.equal(files.fingerprints, 1);
  });

  it('says why nothing is there', async () => {
    const { files, look } = watch();
    await assert.rejects(look(), /base path \/m does not exist/);
    files.makePath('/m');
    assert.match((await look()).whyNone!, /\/m holds no numbered version directory; put the model into \/m\/1/);
    files.put('/m', 1n);
    const specific = await look({ kind: 'specific', versions: [9n] });
    assert.match(specific.whyNone!, /\/m holds versions 1, none of which the version policy asks for/);
  });

  it('forgets what is gone: when it comes back it must come to rest again', async () => {
    const { files, clock, look } = watch();
    files.put('/m', 1n);
    await look();
    files.remove('/m', 1n);
    assert.deepEqual((await look()).versions, []);
    files.put('/m', 1n, { changedAtMs: clock.wallMs() });
    assert.equal((await look()).versions, undefined);
  });
});

describe('versions beside the policy', () => {
  it('are told of, and those that are wished for are taken besides', async () => {
    const { files, look, wished } = watch();
    for (const version of [1n, 3n, 2n]) files.put('/m', version);
    const { versions, byOperator, found } = await look();
    assert.deepEqual([versions, byOperator, found], [[3n], [], [3n, 2n, 1n]]);
    wished.add(1n);
    wished.add(3n);
    wished.add(7n);
    const wishedFor = await look();
    assert.deepEqual([wishedFor.versions, wishedFor.byOperator], [[3n], [1n]]);
  });

  it('count once they are at rest, like others', async () => {
    const { files, clock, look, wished } = watch();
    files.put('/m', 2n);
    files.put('/m', 1n, { changedAtMs: clock.wallMs(), text: 'half' });
    wished.add(1n);
    const first = await look();
    assert.deepEqual([first.versions, first.byOperator, first.isChanging], [[2n], [], true]);
    const second = await look();
    assert.deepEqual([second.byOperator, second.isChanging], [[1n], false]);
  });
});
