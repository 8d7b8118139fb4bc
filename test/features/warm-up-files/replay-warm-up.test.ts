import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { replayWarmUp } from '../../../src/features/warm-up-files/replay-warm-up.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import type { LoadedVersion } from '../../../src/models/loading/load-steps.ts';
import type { Servable } from '../../../src/models/serving/servable.ts';
import type { Sweep } from '../../../src/models/warm-up/batch-sweep.ts';
import { warmUp } from '../../../src/models/warm-up/warm-up.ts';
import { WARM_UP_FILE } from '../../../src/proxy/records/recorded-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { loadedVersion } from '../../support/loaded-version.ts';
import { writeRecords } from '../../support/prediction-logs.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);

interface Changes {
  readonly isEnabled?: boolean;
  readonly iterations?: number;
  readonly slots?: number;
  readonly replay?: (servable: Servable, record: Uint8Array) => Promise<void>;
}

/** A version directory, and what its warm-up did. */
function harness(t: TestContext, changes: Changes = {}) {
  const clock = new FakeClock();
  const replayed: string[] = [];
  const told: string[] = [];
  const sweeps: Sweep[] = [];
  const options = {
    replayer: { replay: changes.replay ?? (async (_: Servable, record) => void replayed.push(textOf(record))) },
    files: { clock, logger: createLogger({ level: 'silent', clock }), maxRecordBytes: 100 },
    iterations: changes.iterations ?? 1,
    onReplayed: ({ records, error }) => void told.push(`warm-up ${records}${error ? ' failed' : ''}`),
  } satisfies Parameters<typeof replayWarmUp>[0];
  const steps = [{ stage: 'warm-up', run: (each: LoadedVersion) => replayWarmUp(options, each) }] as const;
  const prepare = warmUp({
    ...{ clock, steps, isEnabled: changes.isEnabled ?? true },
    onSwept: (_, sweep) => void sweeps.push(sweep),
  });
  const loaded = loadedVersion(t, changes);
  const run = () => prepare({ ...loaded });
  return { run, replayed, told, sweeps, warmUpFile: join(loaded.versionDirectory, WARM_UP_FILE) };
}

function loadFailed(text: RegExp) {
  return isKind('load_failed', text);
}

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

describe('a version with a warm-up file', () => {
  it('has each record replayed in order, as often as asked, and no sweep', async (t) => {
    const { run, replayed, told, sweeps, warmUpFile } = harness(t, { iterations: 2 });
    writeRecords(warmUpFile, bytes('a'), bytes('b'));
    await run();
    assert.deepEqual(replayed, ['a', 'a', 'b', 'b']);
    assert.deepEqual(told, ['warm-up 2']);
    assert.deepEqual(sweeps, []);
  });

  it('has each record replayed once for every slot', async (t) => {
    const { run, replayed, warmUpFile } = harness(t, { slots: 3 });
    writeRecords(warmUpFile, bytes('a'));
    await run();
    assert.deepEqual(replayed, ['a', 'a', 'a']);
  });

  it('is not held up by copies that the queue had no room for', async (t) => {
    let calls = 0;
    const replay = async (): Promise<void> => {
      calls += 1;
      if (calls > 1) throw new ServingError('overloaded', 'the queue is full');
    };
    const { run, warmUpFile } = harness(t, { slots: 3, replay });
    writeRecords(warmUpFile, bytes('a'));
    await run();
    assert.equal(calls, 3);
  });

  it('is not served when a request fails, and the reason names file, record and place', async (t) => {
    const replay = async (_: Servable, record: Uint8Array): Promise<void> => {
      if (textOf(record) === 'b') throw new ServingError('invalid_request', 'input "x" is missing');
    };
    const { run, warmUpFile } = harness(t, { replay });
    writeRecords(warmUpFile, bytes('a'), bytes('b'));
    const text =
      /model "m" version 1: its warm-up requests failed: ".*requests", record 2 at byte 17: input "x" is missing/;
    await assert.rejects(run(), isKind('invalid_request', text));
  });

  it('is not served when a request fails on every slot, and no failure is unheard', async (t) => {
    const replay = () => Promise.reject(new ServingError('backend_failed', 'the runtime failed'));
    const { run, warmUpFile } = harness(t, { slots: 3, replay });
    writeRecords(warmUpFile, bytes('a'));
    await assert.rejects(run(), loadFailed(/record 1 at byte 0: the runtime failed/));
  });

  it('is not served when the file is no TFRecord, is cut off, or holds a huge record', async (t) => {
    const { run, replayed, warmUpFile } = harness(t);
    mkdirSync(join(warmUpFile, '..'));
    writeFileSync(warmUpFile, '{"instances": [1, 2, 3]}');
    await assert.rejects(
      run(),
      isKind('corrupt_records', /byte 0 .*; write it again as a TFRecord file of PredictionLog messages/),
    );
    writeRecords(warmUpFile, bytes('a'), bytes('b'));
    writeFileSync(warmUpFile, readFileSync(warmUpFile).subarray(0, -1));
    await assert.rejects(run(), isKind('corrupt_records', /byte 17 .*the file ends within it/));
    assert.deepEqual(replayed, ['a']);
    writeRecords(warmUpFile, new Uint8Array(101));
    await assert.rejects(run(), loadFailed(/101 bytes, and 100 are allowed; .*--max_message_bytes/));
  });

  it('may have 1000 records and no more', async (t) => {
    const { run, replayed, warmUpFile } = harness(t);
    const records = Array.from({ length: 1001 }, () => bytes('a'));
    writeRecords(warmUpFile, ...records.slice(1));
    await run();
    assert.equal(replayed.length, 1000);
    writeRecords(warmUpFile, ...records);
    await assert.rejects(run(), isKind('invalid_request', /has more than 1000 records/));
  });

  it('is served without it where warm-up is off', async (t) => {
    const { run, replayed, sweeps, warmUpFile } = harness(t, { isEnabled: false });
    writeRecords(warmUpFile, bytes('a'));
    await run();
    assert.deepEqual([replayed, sweeps], [[], []]);
  });

  it('that fails is told with the records up to the one that failed', async (t) => {
    const replay = async (_: unknown, data: Uint8Array): Promise<void> => {
      if (textOf(data) === 'b') throw new ServingError('invalid_request', 'no such input');
    };
    const { run, told, warmUpFile } = harness(t, { replay });
    writeRecords(warmUpFile, bytes('a'), bytes('b'), bytes('c'));
    await assert.rejects(run(), isKind('invalid_request', /its warm-up requests failed/));
    assert.deepEqual(told, ['warm-up 2 failed']);
  });

  it('with a kind of record that is not replayed is not served: UNIMPLEMENTED, as in TensorFlow Serving', async (t) => {
    const replay = async (): Promise<void> => {
      throw new ServingError('unsupported', 'it is a session_run_log');
    };
    const { run, warmUpFile } = harness(t, { replay });
    writeRecords(warmUpFile, bytes('a'));
    await assert.rejects(run(), isKind('unsupported', /record 1 at byte 0: it is a session_run_log/));
  });

  it('that is empty is served: there is nothing to replay', async (t) => {
    const { run, told, warmUpFile } = harness(t);
    writeRecords(warmUpFile);
    await run();
    assert.deepEqual(told, ['warm-up 0']);
  });
});
