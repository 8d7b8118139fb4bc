import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CONTESTANTS } from '../../../../bench/overload/contestants.ts';
import { digestsOf, Journal, readResults, whyNotTheSame, writeResults } from '../../../../bench/overload/journal.ts';
import { findWorkload } from '../../../../bench/overload/options.ts';
import type { Results, Round, RunKey } from '../../../../bench/overload/results.ts';
import { TimeLeft } from '../../../../bench/overload/time-left.ts';
import { turnsAhead } from '../../../../bench/overload/tournament.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const RUN: RunKey = {
  ...{ seed: 1, rounds: 5, seconds: null, quick: false, hasPilot: true, publish: false },
  contestants: ['pillion', 'greedy'],
  workloads: { 'one-2x': 'abc' },
};

function headOf(run: Partial<RunKey> = {}): Results {
  return {
    machine: { cpu: 'a CPU', cores: 2, memoryGiB: 24, kernel: '6', node: 'v20' },
    startedAt: '2026-01-02T00:00:00Z',
    roundsWanted: 5,
    workloads: [],
    incidents: [],
    rounds: [],
    run: { ...RUN, ...run },
  };
}

const roundOf = (round: number, invalid?: string): Round =>
  ({ workload: 'one-2x', contestant: 'greedy', round, attainment: 0.5, ...(invalid && { invalid }) }) as Round;

describe('the journal', () => {
  it('is on the disk after each record, and goes on from there', (t) => {
    const path = join(tempDirectory(t), 'deep', 'overload.json');
    const journal = Journal.begin(path, headOf());
    assert.equal(existsSync(path), false);
    journal.addCapacity({ workload: 'one-2x', round: -1, measured: { 'queue-100x1': [100] }, taken: [100] });
    journal.addPilot({ workload: 'one-2x', contestant: 'greedy', attainment: 0.4 });
    journal.addRound(roundOf(0));
    journal.addIncident({ workload: 'one-2x', contestant: 'edf', reason: 'it ended' });
    assert.deepEqual(readResults(path), journal.results);
    assert.equal(existsSync(`${path}.new`), false);
    const resumed = Journal.resume(path, { ...headOf(), startedAt: 'later' });
    assert.deepEqual(resumed.results, journal.results);
    assert.deepEqual(resumed.capacityOf('one-2x', -1)?.taken, [100]);
    assert.equal(resumed.capacityOf('one-2x', 0), undefined);
  });

  it('has a turn measured until it is valid, and at most three times', (t) => {
    const journal = Journal.begin(join(tempDirectory(t), 'r.json'), headOf());
    const next = (): number | undefined => journal.nextAttempt('one-2x', 'greedy', 0);
    assert.equal(next(), 0);
    journal.addRound(roundOf(0, 'disturbed'));
    assert.equal(next(), 1);
    assert.equal(journal.nextAttempt('one-2x', 'greedy', 1), 0);
    assert.equal(journal.nextAttempt('one-2x', 'greedy', 'pilot'), 0);
    journal.addRound(roundOf(0, 'disturbed'));
    assert.equal(next(), 2);
    journal.addRound(roundOf(0, 'disturbed'));
    assert.equal(next(), undefined);
    journal.addRound(roundOf(1));
    assert.equal(journal.nextAttempt('one-2x', 'greedy', 1), undefined);
  });

  it('refuses another run, and says why', (t) => {
    const path = join(tempDirectory(t), 'r.json');
    assert.throws(() => Journal.resume(path, headOf()), /there is nothing to resume: .* does not exist/);
    writeResults(path, headOf());
    assert.throws(
      () => Journal.resume(path, headOf({ seed: 2 })),
      /cannot be resumed: its seed was 1, and now it is 2/,
    );
    assert.throws(() => Journal.resume(path, headOf({ workloads: { 'one-2x': 'x' } })), /their files have changed/);
    const elsewhere = { ...headOf(), machine: { ...headOf().machine, cores: 8 } };
    assert.match(whyNotTheSame(headOf(), elsewhere)!, /it is of a CPU, 2 cores, .* and this is a CPU, 8 cores/);
    const { run: _, ...without } = headOf();
    assert.match(whyNotTheSame(without, headOf())!, /does not say with what options/);
    assert.equal(whyNotTheSame(headOf(), headOf()), undefined);
  });

  it('knows a workload by all that its file says', () => {
    const workload = findWorkload('one-2x');
    assert.deepEqual(digestsOf([workload]), digestsOf([findWorkload('one-2x')]));
    assert.notDeepEqual(digestsOf([workload]), digestsOf([{ ...workload, seconds: 1 }]));
  });
});

describe('what is left', () => {
  const workload = findWorkload('one-2x');

  it('is what was not measured yet', () => {
    const [fresh, half] = [headOf(), { ...headOf(), rounds: [roundOf(0), roundOf(1, 'disturbed')] }];
    const options = { contestants: CONTESTANTS, hasPilot: true, rounds: 5 };
    // Ours, the best three, and the two fixed queues that a standing overload is compared with.
    assert.equal(turnsAhead(workload, fresh, options).turns, CONTESTANTS.length + 5 * 6);
    assert.equal(turnsAhead(workload, half, options).turns, CONTESTANTS.length + 5 * 6 - 1);
    assert.equal(turnsAhead(workload, fresh, { ...options, hasPilot: false, rounds: 1 }).turns, CONTESTANTS.length);
  });

  it('takes as long as what was done', () => {
    let now = 0;
    const left = new TimeLeft([{ workload, turns: 10, capacities: 0 }], undefined, () => now);
    assert.equal(left.text(), '');
    now = 60_000;
    left.turnDone(workload);
    assert.equal(left.text(), 'about 9 min left · ');
    for (let i = 0; i < 9; i++) left.turnDone(workload);
    assert.equal(left.text(), 'less than 1 min left · ');
  });
});
