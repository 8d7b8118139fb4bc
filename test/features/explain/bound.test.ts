import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BoundName } from '../../../src/admin/explanation.ts';
import { boundOf } from '../../../src/features/explain/bound.ts';
import type { BoundFacts } from '../../../src/features/explain/bound-facts.ts';
import { largerBatchGain, rowsPerMs, rowsWithin, runMs } from '../../../src/features/explain/capacity.ts';

const point = (rows: number, meanMs: number) => ({ rows, meanMs, highMs: meanMs });

/** Each row costs 1 ms, and each run 1 ms more. */
const CURVE = [1, 2, 4, 8, 16].map((rows) => point(rows, 1 + rows));
/** Runs take the same time, whatever their size. */
const FLAT = [1, 2, 4, 8, 16].map((rows) => point(rows, 10));

/** Two cores for runs are half busy, and 1,000 requests of one row in 10 s find room. */
const CALM: BoundFacts = {
  seconds: 10,
  requests: 1000,
  rows: 1000,
  answered: 1000,
  answeredRows: 1000,
  late: 0,
  refusals: {},
  unnamedRefusals: {},
  queueMs: 1000,
  budgetMs: 50,
  batches: 500,
  batchRows: 1000,
  fullBatches: 0,
  runMs: 10_000,
  coreMs: 10_000,
  runCores: 2,
  busyShare: 0.5,
  sessions: 2,
  sessionCores: 2,
  sessionShare: 0.5,
  growthRefusal: undefined,
  isInline: false,
  loopShare: 0.3,
  cores: 3,
  sloMs: undefined,
  curve: CURVE,
  canBatchMore: true,
};
const FULL = { busyShare: 0.97, sessionShare: 0.97, runMs: 19_400, coreMs: 19_400 };
const ONE_SESSION = { queueMs: 100_000, sessions: 1, sessionCores: 1, sessionShare: 0.95 };
/** A third of the requests is refused for a reason. */
const refused = (reason: string): Partial<BoundFacts> => ({
  answered: 666,
  answeredRows: 666,
  refusals: { [reason]: 334 },
});

const CASES: readonly (readonly [what: string, changes: Partial<BoundFacts>, bound: BoundName, sentence: RegExp])[] = [
  ['there is room', {}, 'nothing', /^nothing: both cores for runs are busy 50 % of the time, and requests find room; /],
  ['the cores are busy, but nobody waits', FULL, 'nothing', /busy 97 %/],
  [
    'the cores are busy, and requests wait',
    { ...FULL, queueMs: 100_000 },
    'cores',
    /^cores: both cores for runs are busy 97 % of the time; one more core would answer about 1\.5 × as many, twice the deadline \(100 ms\) about 1\.4 ×; `pillion what-if --cores=4` simulates it$/,
  ],
  [
    'more is refused than one more core could answer',
    { ...FULL, ...refused('predicted_late'), answered: 400, answeredRows: 400 },
    'cores',
    /one more core would answer about 1\.5 ×/,
  ],
  [
    'less is refused than one more core could answer',
    { ...FULL, ...refused('predicted_late'), answered: 833, answeredRows: 833, refusals: { predicted_late: 167 } },
    'cores',
    /one more core would answer about 1\.2 × as many, twice the deadline \(100 ms\) about 1\.2 ×;/,
  ],
  [
    'the objective is the only time, and runs are as large as twice of it allows',
    { ...FULL, queueMs: 100_000, budgetMs: undefined, sloMs: 40, batchRows: 8000 },
    'cores',
    /, twice the objective \(80 ms\) no more; `pillion what-if --cores=4 --slo=80`/,
  ],
  [
    'no time is known',
    { ...FULL, queueMs: 100_000, budgetMs: undefined },
    'cores',
    /as many; `pillion what-if --cores=4`/,
  ],
  ['the queue is full, and the cores, too', { ...FULL, ...refused('queue_full') }, 'cores', /^cores: /],
  [
    'the cores are nearly full, and requests would be late',
    { ...refused('predicted_late'), busyShare: 0.8 },
    'cores',
    /80 %/,
  ],
  [
    'the version has fewer sessions than there are cores',
    ONE_SESSION,
    'cores',
    /^cores: the core that its sessions can take is busy 95 % of the time, beside free cores; one more session \(num_batch_threads\) would answer about 2 ×/,
  ],
  [
    'one more session would have fewer cores than the others',
    { ...ONE_SESSION, sessionCores: 2, runCores: 3, busyShare: 0.63 },
    'cores',
    /^cores: the 2 cores that its sessions can take are busy 95 % .* would answer about 1\.5 ×/,
  ],
  [
    'its one session takes all the cores: no other one has room',
    { ...ONE_SESSION, sessionCores: 2, busyShare: 0.95 },
    'cores',
    /^cores: both cores for runs are busy 95 % of the time; one more core/,
  ],
  [
    'there was no memory for another session',
    { ...ONE_SESSION, growthRefusal: '400 MiB are wanted, and 90 MiB are free' },
    'memory',
    /^memory: the core that its sessions can take is busy 95 % of the time, beside free cores, and no further one was opened: 400 MiB are wanted, and 90 MiB are free$/,
  ],
  [
    'no memory for another session, which nobody needs',
    { ...FULL, queueMs: 100_000, growthRefusal: '400 MiB are wanted' },
    'cores',
    /^cores: both cores/,
  ],
  [
    'most runs are full, and larger ones cost less a row',
    { ...FULL, queueMs: 100_000, fullBatches: 400, curve: FLAT },
    'batch_size',
    /^batch size: 80 % of the runs have the largest size, 16 rows, .* --max_batch_size=32 would answer about 2 × as many, within the 50 ms/,
  ],
  [
    'larger runs would not be in time',
    { ...FULL, queueMs: 100_000, fullBatches: 400, curve: FLAT, budgetMs: 15 },
    'cores',
    /./,
  ],
  ['larger runs cost as much a row', { ...FULL, queueMs: 100_000, fullBatches: 400 }, 'cores', /./],
  [
    'requests do not share runs',
    { ...FULL, queueMs: 100_000, fullBatches: 400, curve: FLAT, canBatchMore: false },
    'cores',
    /./,
  ],
  [
    'the deadline is shorter than a run',
    { ...refused('deadline_too_short'), budgetMs: 1.5 },
    'deadline',
    /^deadline: 33 % of the requests were refused \(deadline_too_short\), though both cores for runs are busy only 50 % of the time: a run of one row takes 2 ms of the 1\.5 ms that requests have; twice that is too short, too$/,
  ],
  [
    'twice the objective has room',
    { late: 100, answered: 900, budgetMs: undefined, sloMs: 9 },
    'deadline',
    /of the 9 ms that requests have; twice that has room for runs of 8 rows, .*; `pillion what-if --cores=3 --slo=18` simulates it$/,
  ],
  [
    'twice the deadline has room',
    { ...refused('predicted_late'), budgetMs: 9, rows: 4000, answered: 100, answeredRows: 400 },
    'deadline',
    /twice that has room for runs of 8 rows, which could answer about 100 %, instead of 10 %$/,
  ],
  [
    'requests are late, though there is room',
    { late: 100, answered: 900 },
    'deadline',
    /^deadline: 10 % of the requests were late/,
  ],
  ['no run time is known', { late: 100, answered: 900, curve: [] }, 'deadline', /; let clients allow more time$/],
  [
    'a burst found no room',
    refused('queue_full'),
    'queue',
    /^queue: 33 % .* in bursts; a larger --max_enqueued_batches/,
  ],
  ['waiting inputs hold too much', { ...FULL, ...refused('queue_memory') }, 'memory', /^memory: .*--max_queued_mib/],
  [
    'requests in flight hold too much',
    { unnamedRefusals: { memory: 500 } },
    'memory',
    /33 % .*--max_request_memory_mib/,
  ],
  [
    'a caller takes too much',
    { ...FULL, ...refused('caller_core_share') },
    'callers',
    /^caller limits: 33 % .*\(caller_core_share\)/,
  ],
  [
    'the event loop is full',
    { loopShare: 0.96 },
    'event_loop',
    /^event loop: it is busy 96 % of the time, and both cores .*more cores answer no more/,
  ],
  [
    'requests were not read in time',
    { unnamedRefusals: { unread: 500 }, loopShare: 0.8 },
    'event_loop',
    /^event loop: it is busy 80 %/,
  ],
  [
    'requests were late before they were read, though the event loop has room',
    { unnamedRefusals: { unread: 500 }, loopShare: 0.24 },
    'deadline',
    /^deadline: the deadline of 33 % .* though the event loop is busy only 24 % of the time; let clients allow more time$/,
  ],
  [
    'the model runs on the event loop',
    { loopShare: 0.96, isInline: true, ...FULL },
    'event_loop',
    /the model runs on it; --host=thread/,
  ],
  ['both are full: a core helps', { ...FULL, loopShare: 0.96, queueMs: 100_000 }, 'cores', /./],
  ['hardly any is refused', { refusals: { predicted_late: 5 } }, 'nothing', /./],
  ['a reason that is no bound', refused('breaker_open'), 'nothing', /./],
  ['several reasons: the most frequent counts', { refusals: { predicted_late: 50, queue_full: 300 } }, 'queue', /30 %/],
  ['one core', { runCores: 1 }, 'nothing', /the core for runs is busy 50 %/],
  ['many cores', { runCores: 7 }, 'nothing', /the 7 cores for runs are busy/],
];

describe('which bound holds', () => {
  for (const [what, changes, bound, sentence] of CASES) {
    it(`${bound}: ${what}`, () => {
      const found = boundOf({ ...CALM, ...changes })!;
      assert.equal(found.bound, bound, found.sentence);
      assert.match(found.sentence, sentence);
      assert.doesNotMatch(found.sentence, /NaN|Infinity|undefined|\.$/);
    });
  }

  it('is not said where nothing came', () => {
    assert.equal(boundOf({ ...CALM, requests: 0, batches: 0 }), undefined);
    const { sentence } = boundOf({ ...CALM, ...FULL, requests: 0, rows: 0, answered: 0, answeredRows: 0 })!;
    assert.doesNotMatch(sentence, /NaN|Infinity/);
  });
});

describe('capacity', () => {
  it('reads run times between and beyond the sizes', () => {
    assert.deepEqual(
      [1, 3, 16, 32].map((rows) => runMs(CURVE, rows)),
      [2, 4, 17, 33],
    );
    assert.equal(runMs([], 1), undefined);
    assert.equal(runMs([point(4, 8)], 2), 8, 'a single size runs padded');
    assert.equal(rowsPerMs(CURVE, 1), 0.5);
    assert.equal(rowsPerMs([], 1), undefined);
  });

  it('fits a run and the one before it into the time', () => {
    assert.deepEqual(
      [1, 4, 18, 1000].map((budgetMs) => rowsWithin(CURVE, budgetMs)),
      [0, 1, 8, 16],
    );
  });

  it('knows what larger batches gain', () => {
    assert.equal(largerBatchGain(FLAT), 2);
    assert.equal(largerBatchGain([point(1, 1), point(2, 2)]), 1);
    assert.equal(largerBatchGain([point(1, 1)]), undefined);
  });
});
