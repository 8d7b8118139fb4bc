import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { frameRecord } from '../../../src/codec/tfrecord/tf-record-writer.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { recoverRecordFiles } from '../../../src/features/request-logs/recovery.ts';
import { RequestLogCounters } from '../../../src/features/request-logs/request-log-counters.ts';
import { RequestLogs } from '../../../src/features/request-logs/request-logs.ts';
import { type Disk, systemDisk } from '../../../src/files/disk.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';
import { RequestSamplers } from '../../../src/models/serving/request-samplers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';
import { readRecords } from '../../support/prediction-logs.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OWNER = { host: 'pod', pid: process.pid };
const ONE = frameRecord([Buffer.from('one')]);
const TWO = frameRecord([Buffer.from('two')]);

function harness(t: TestContext, disk: Disk = systemDisk) {
  const directory = tempDirectory(t);
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    level: 'info',
    clock,
    destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const registry = new Registry();
  const samplers = new RequestSamplers({ clock, onInternalError: assert.ifError });
  const counters = new RequestLogCounters(registry);
  const logs = new RequestLogs({
    clock,
    logger,
    samplers,
    counters,
    owner: OWNER,
    maxFileBytes: 1000,
    maxFileMs: 1000,
    maxRecordBytes: 100,
    maxKeptBytes: Infinity,
    fileMode: 0o600,
    minFreePercent: 0,
    disk,
  });
  t.after(() => logs.close());
  const prefix = join(directory, 'm');
  const config = (name: string, samplingRate = 1) => ({ name, logging: { filenamePrefix: prefix, samplingRate } });
  const files = () => readdirSync(directory).sort();
  return { directory, prefix, logs, samplers, lines, registry, config, files, clock };
}

const SERVED = {
  name: 'a',
  version: 1n,
  versionText: '1',
  signatureName: 's',
  signature: undefined as never,
  outputNames: [],
};

/** An answered Predict whose input has so many bytes. */
function exchangeOf(bytes: number) {
  const inputs = new Map([['x', numericTensor('uint8', [bytes], new Uint8Array(bytes))]]);
  return { requested: {}, served: SERVED, inputs, outputFilter: [], outputs: new Map() };
}

/** Writes a file as a dead process leaves it. */
function leave(directory: string, name: string, bytes: Uint8Array): void {
  writeFileSync(join(directory, name), bytes);
}

describe('what a process that was killed left', () => {
  const name = (pid: number, host = 'pod', number = 1) => `m-20261125T122530Z-${host}-${pid}-${number}.tfrecord`;
  const recovery = (directory: string) =>
    recoverRecordFiles({
      prefix: join(directory, 'm'),
      directory: new OwnDirectory(directory),
      owner: { host: 'pod', pid: 1 },
      maxRecordBytes: 100,
      isAlive: (pid) => pid === 50,
    });

  it('is made whole: half a record at its end is cut off', async (t) => {
    const directory = tempDirectory(t);
    leave(directory, `${name(40)}.partial`, Buffer.concat([ONE, TWO.subarray(0, 7)]));
    leave(directory, `${name(40, 'pod', 2)}.partial`, Buffer.concat([ONE, TWO]));
    const { recovered, errors } = await recovery(directory);
    assert.deepEqual(errors, []);
    assert.deepEqual(recovered.map(({ records, cutBytes }) => [records, cutBytes]).sort(), [
      [1, 7],
      [2, 0],
    ]);
    assert.deepEqual(readFileSync(join(directory, name(40))), ONE);
    assert.deepEqual(readFileSync(join(directory, name(40, 'pod', 2))), Buffer.concat([ONE, TWO]));
  });

  it('is removed where it holds no record', async (t) => {
    const directory = tempDirectory(t);
    leave(directory, `${name(40)}.partial`, new Uint8Array(0));
    leave(directory, `${name(41)}.partial`, ONE.subarray(0, 5));
    await recovery(directory);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('is set aside untouched where bytes are no records', async (t) => {
    const directory = tempDirectory(t);
    const bytes = Buffer.concat([ONE, Buffer.alloc(40), TWO]);
    leave(directory, `${name(40)}.partial`, bytes);
    const { recovered } = await recovery(directory);
    assert.equal(recovered[0]!.isCorrupt, true);
    assert.deepEqual(readFileSync(join(directory, `${name(40)}.corrupt`)), bytes);
  });

  it('is left alone where its process runs, or ran elsewhere, or it is of another prefix', async (t) => {
    const directory = tempDirectory(t);
    const others = [
      `${name(50)}.partial`,
      `${name(40, 'other-pod')}.partial`,
      `m-x-${name(40).slice(2)}.partial`,
      'm-notes',
    ];
    for (const other of others) leave(directory, other, ONE);
    assert.deepEqual(await recovery(directory), { recovered: [], errors: [] });
    assert.deepEqual(readdirSync(directory).sort(), others.sort());
  });

  it('is told from ours by its being there first: a container’s process always has number 1', async (t) => {
    const directory = tempDirectory(t);
    leave(directory, `${name(1)}.partial`, ONE);
    assert.equal((await recovery(directory)).recovered.length, 1);
  });

  it('is nothing where the directory is not there, and an error where it cannot be read', async (t) => {
    const directory = tempDirectory(t);
    assert.deepEqual((await recovery(join(directory, 'nowhere'))).errors, []);
    writeFileSync(join(directory, 'file'), '');
    assert.equal((await recovery(join(directory, 'file'))).errors.length, 1);
  });
});

describe('request logs', () => {
  it('listen to the models that have one, until they have none', async (t) => {
    const { logs, samplers, config } = harness(t);
    logs.configure([config('a'), { name: 'b' }]);
    assert.notEqual(samplers.pointOf('a').sampler, undefined);
    assert.equal(samplers.pointOf('b').sampler, undefined);
    const before = samplers.pointOf('a').sampler;
    logs.configure([config('a'), { name: 'b' }]);
    assert.equal(samplers.pointOf('a').sampler, before, 'what did not change is left as it is');
    logs.configure([config('a', 0.5)]);
    assert.notEqual(samplers.pointOf('a').sampler, before);
    logs.configure([]);
    assert.equal(samplers.pointOf('a').sampler, undefined);
  });

  it('take up what was left before they write, and tell of it', async (t) => {
    const { logs, directory, config, files, lines } = harness(t);
    const left = `m-20231114T221321Z-pod-${OWNER.pid}-1.tfrecord`;
    leave(directory, `${left}.partial`, Buffer.concat([ONE, TWO.subarray(0, 4)]));
    logs.configure([config('a'), config('b')]);
    await logs.close();
    assert.deepEqual(files(), [left]);
    const told = lines.filter(({ event }) => event === 'recovered');
    assert.deepEqual(
      told.map(({ records, cut_bytes }) => [records, cut_bytes]),
      [[1, 4]],
    );
  });

  it('say once a minute that the disk does not take it, and count all', async (t) => {
    const { logs, prefix, samplers, lines, registry, clock } = harness(t);
    mkdirSync(join(prefix, '..', 'x'), { recursive: true });
    writeFileSync(join(prefix, '..', 'x', 'blocked'), '');
    const logging = { filenamePrefix: join(prefix, '..', 'x', 'blocked', 'm'), samplingRate: 1 };
    logs.configure([{ name: 'a', logging }]);
    const sampler = samplers.pointOf('a').sampler!;
    const exchange = exchangeOf(0);
    sampler.sample()!.onPredict(exchange);
    await logs.close();
    sampler.sample()!.onPredict(exchange);
    const errors = lines.filter(({ level }) => level === 'error');
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]!['msg']), /cannot be written; requests go on/);
    const page = await textOf(registry);
    assert.match(page, /pillion_request_log_total\{model="a",outcome="failed"\} 1/);
    assert.match(page, /pillion_request_log_total\{model="a",outcome="dropped"\} 1/);
    assert.equal(clock.armed, 0);
  });

  it('drop what a stuck disk leaves no room for, count it, and keep nobody waiting', async (t) => {
    let release = (): void => undefined;
    const isUnstuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { logs, samplers, registry, config, files, directory } = harness(t, {
      ...systemDisk,
      open: async (path, flags, mode) => {
        await isUnstuck;
        return systemDisk.open(path, flags, mode);
      },
    });
    logs.configure([config('a')]);
    for (let i = 0; i < 40; i++)
      samplers
        .pointOf('a')
        .sampler!.sample()!
        .onPredict(exchangeOf(2 ** 20));
    const dropped = Number(/outcome="dropped"\} (\d+)/.exec(await textOf(registry))![1]);
    assert.ok(dropped >= 24, `${dropped}`);
    release();
    await logs.close();
    const written = files().flatMap((name) => readRecords(join(directory, name)));
    assert.equal(written.length, 40 - dropped);
    assert.match(await textOf(registry), new RegExp(`outcome="written"\\} ${written.length}$`, 'm'));
  });
});
