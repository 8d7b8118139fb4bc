import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { Batch } from '../../../../src/core/executor.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { Servable } from '../../../../src/models/serving/servable.ts';
import type { Sweep } from '../../../../src/models/warm-up/batch-sweep.ts';
import { type RecordReplayer, warmUp } from '../../../../src/models/warm-up/warm-up.ts';
import { GOLDEN_FILE, WARM_UP_FILE } from '../../../../src/models/warm-up/warm-up-file.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { writeRecords } from '../../../support/prediction-logs.ts';
import { echo, FLOAT_SIGNATURE, PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array): string => new TextDecoder().decode(data);

interface Changes {
  readonly isEnabled?: boolean;
  readonly iterations?: number;
  readonly slots?: number;
  readonly isElsewhere?: boolean;
  /** The signatures whose runs fail. */
  readonly refuses?: readonly string[];
  readonly signatures?: ReadonlyMap<string, Signature>;
  readonly replayer?: Partial<RecordReplayer>;
}

/** A version directory, and what its warm-up did. */
function harness(t: TestContext, changes: Changes = {}) {
  const versionDirectory = tempDirectory(t);
  const servable = new Servable(
    'm',
    1n,
    changes.signatures ?? new Map([['serving_default', FLOAT_SIGNATURE]]),
    new PuppetRunner(echo),
  );
  const replayed: string[] = [];
  const checked: string[] = [];
  const told: string[] = [];
  const sweeps: Sweep[] = [];
  const prepare = warmUp({
    clock: new FakeClock(),
    replayer: {
      replay: async (_, record) => void replayed.push(textOf(record)),
      check: async (_, record) => void checked.push(textOf(record)),
      ...changes.replayer,
    },
    isEnabled: changes.isEnabled ?? true,
    iterations: changes.iterations ?? 1,
    maxRecordBytes: 100,
    events: {
      onReplayed: (_, { what, records, error }) => told.push(`${what} ${records}${error ? ' failed' : ''}`),
      onSwept: (_, sweep) => sweeps.push(sweep),
    },
  });
  const executor = {
    slots: changes.slots ?? 1,
    isElsewhere: changes.isElsewhere ?? false,
    allocate: (size: number) => new ArrayBuffer(size),
    release: () => undefined,
    run: async ({ signatureName }: Batch) => {
      if (changes.refuses?.includes(signatureName)) throw new Error('not\n for me');
      return { outputs: new Map(), runStart: 1, runEnd: 3 };
    },
  };
  const scheduler = { maxBatchSize: 2, batchTimeoutMicros: 0, maxEnqueuedBatches: 1, allowedBatchSizes: [] };
  const run = () => prepare({ servable, versionDirectory, executor, signatures: servable.signatures, scheduler });
  const warmUpFile = join(versionDirectory, WARM_UP_FILE);
  const goldenFile = join(versionDirectory, GOLDEN_FILE);
  return { run, servable, replayed, checked, told, sweeps, warmUpFile, goldenFile };
}

function loadFailed(text: RegExp) {
  return isKind('load_failed', text);
}

function isKind(kind: ErrorKind, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

it('a version that another server runs is not swept', async (t) => {
  const { run, sweeps, told } = harness(t, { isElsewhere: true });
  await run();
  assert.deepEqual([sweeps, told], [[], []]);
});

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
    const { run, warmUpFile } = harness(t, { slots: 3, replayer: { replay } });
    writeRecords(warmUpFile, bytes('a'));
    await run();
    assert.equal(calls, 3);
  });

  it('is not served when a request fails, and the reason names file, record and place', async (t) => {
    const replay = async (_: Servable, record: Uint8Array): Promise<void> => {
      if (textOf(record) === 'b') throw new ServingError('invalid_request', 'input "x" is missing');
    };
    const { run, warmUpFile } = harness(t, { replayer: { replay } });
    writeRecords(warmUpFile, bytes('a'), bytes('b'));
    const text =
      /model "m" version 1: its warm-up requests failed: ".*requests", record 2 at byte 17: input "x" is missing/;
    await assert.rejects(run(), isKind('invalid_request', text));
  });

  it('is not served when a request fails on every slot, and no failure is unheard', async (t) => {
    const replay = () => Promise.reject(new ServingError('backend_failed', 'the runtime failed'));
    const { run, warmUpFile } = harness(t, { slots: 3, replayer: { replay } });
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
    const { run, told, warmUpFile } = harness(t, { replayer: { replay } });
    writeRecords(warmUpFile, bytes('a'), bytes('b'), bytes('c'));
    await assert.rejects(run(), isKind('invalid_request', /its warm-up requests failed/));
    assert.deepEqual(told, ['warm-up 2 failed']);
  });

  it('with a kind of record that is not replayed is not served: UNIMPLEMENTED, as in TensorFlow Serving', async (t) => {
    const replay = async (): Promise<void> => {
      throw new ServingError('unsupported', 'it is a session_run_log');
    };
    const { run, warmUpFile } = harness(t, { replayer: { replay } });
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

describe('a version without a warm-up file', () => {
  it('is run with made-up batches, and keeps what they took', async (t) => {
    const { run, servable, sweeps } = harness(t);
    await run();
    assert.equal(sweeps.length, 1);
    assert.deepEqual(servable.latencySeeds, [
      { signatureName: 'serving_default', rows: 1, runMs: [2, 2, 2] },
      { signatureName: 'serving_default', rows: 2, runMs: [2, 2, 2] },
    ]);
  });
});

describe('a version that refuses made-up batches', () => {
  const strings = signature({ inputs: spec('string', [-1]) }, { scores: spec('float32', [-1]) });
  const signatures = new Map([
    ['serving_default', FLOAT_SIGNATURE],
    ['classify', strings],
  ]);

  it('is served with a standing warning in one line', async (t) => {
    const { run, servable } = harness(t, { refuses: ['serving_default'] });
    await run();
    assert.equal(servable.warnings.length, 1);
    assert.match(
      servable.warnings[0]!,
      /^signature "serving_default" has not run: made-up inputs of zeros of shape x \[\] were refused: not for me; if real requests are answered, add a warm-up record/,
    );
  });

  it('has none where only its signature of tf.Examples does, or where golden requests prove it', async (t) => {
    const examples = harness(t, { signatures, refuses: ['classify'] });
    await examples.run();
    assert.deepEqual(examples.servable.warnings, []);
    const both = harness(t, { signatures, refuses: ['classify', 'serving_default'] });
    await both.run();
    assert.equal(both.servable.warnings.length, 2);
    const golden = harness(t, { refuses: ['serving_default'] });
    writeRecords(golden.goldenFile, bytes('g'));
    await golden.run();
    assert.deepEqual(golden.servable.warnings, []);
  });
});

describe('golden requests', () => {
  it('are checked after the warm-up, also where that is off', async (t) => {
    const { run, checked, told, goldenFile } = harness(t, { isEnabled: false });
    writeRecords(goldenFile, bytes('g'));
    await run();
    assert.deepEqual([checked, told], [['g'], ['golden 1']]);
  });

  it('with another answer keep the version from being served', async (t) => {
    const check = async (): Promise<void> => {
      throw new ServingError('invalid_request', 'output "y" differs at [0]: 1, but 2 was recorded');
    };
    const { run, goldenFile } = harness(t, { replayer: { check } });
    writeRecords(goldenFile, bytes('g'));
    await assert.rejects(run(), loadFailed(/its golden requests failed: .*record 1 at byte 0: output "y" differs/));
  });
});
