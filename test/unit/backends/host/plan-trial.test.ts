import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  FIRST_WAIT_MS,
  PlanTrial,
  UNLIKELY_WAIT_MS,
  type Verdict,
} from '../../../../src/backends/host/sessions/plan-trial.ts';

const MAX_ROWS = 32;

/** Runs on a plan: `rate` rows per ms in runs of `rows`, on so many sessions that are busy for a share of the time. */
interface Traffic {
  readonly rate: number;
  readonly rows: number;
  readonly sessions: number;
  readonly busy?: number;
}

class Play {
  readonly trial = new PlanTrial();
  readonly verdicts: (readonly [Verdict, number])[] = [];
  now = 0;

  /** Begins a trial as soon as one is asked for. `of`: by whether the plan in use is wide. */
  run(forMs: number, of: (isWide: boolean) => Traffic): void {
    for (const until = this.now + forMs; this.now < until; ) {
      const { rate, rows, sessions, busy = 0.9 } = of(this.trial.isWide);
      const everyMs = rows / rate;
      this.now += everyMs;
      const runMs = everyMs * sessions * busy;
      const verdict = this.trial.ran({ rows, maxRows: MAX_ROWS, runMs, sessions }, this.now);
      if (verdict === undefined) continue;
      this.verdicts.push([verdict, this.now]);
      if (verdict === 'try') this.trial.begin(this.now);
    }
  }
}

const narrow = (rate: number, rows = 20): Traffic => ({ rate, rows, sessions: 2 });
const wide = (rate: number, rows = 28): Traffic => ({ rate, rows, sessions: 1 });

describe('A trial of the other plan', () => {
  it('comes when the sessions are busy with batches that are not full, and stays where it answers more', () => {
    const play = new Play();
    play.run(5000, (isWide) => (isWide ? wide(7.9) : narrow(5.7)));
    assert.deepEqual(
      play.verdicts.map(([verdict]) => verdict),
      ['try', 'keep'],
    );
    assert.ok(play.verdicts[0]![1] < FIRST_WAIT_MS + 500);
    assert.equal(play.trial.isWide, true);
  });

  it('ends soon where it answers much less, and comes later each time', () => {
    const play = new Play();
    play.run(60_000, (isWide) => (isWide ? wide(4) : narrow(5.7)));
    const starts = play.verdicts.filter(([verdict]) => verdict === 'try').map(([, at]) => at);
    const ends = play.verdicts.filter(([verdict]) => verdict === 'back').map(([, at]) => at);
    assert.equal(play.trial.isWide, false);
    assert.equal(ends.length, starts.length);
    for (const [i, end] of ends.entries()) assert.ok(end - starts[i]! < 500, `${end - starts[i]!}`);
    for (let i = 2; i < starts.length; i++) {
      assert.ok(starts[i]! - starts[i - 1]! > 1.8 * (starts[i - 1]! - starts[i - 2]!));
    }
    assert.ok(starts.length >= 4 && starts.length <= 5, `${starts.length}`);
  });

  it('does not come while the sessions have pauses', () => {
    const play = new Play();
    play.run(60_000, () => ({ ...narrow(2), busy: 0.4 }));
    assert.deepEqual(play.verdicts, []);
  });

  it('is put off where full batches follow each other', () => {
    const play = new Play();
    play.run(UNLIKELY_WAIT_MS - 500, () => narrow(7.5, MAX_ROWS));
    assert.deepEqual(play.verdicts, []);
    play.run(2000, () => narrow(7.5, MAX_ROWS));
    assert.equal(play.verdicts[0]?.[0], 'try');
  });

  it('goes back to sessions of one thread when full batches follow each other and more is answered so', () => {
    const play = new Play();
    play.run(5000, (isWide) => (isWide ? wide(7.9) : narrow(5.7)));
    play.run(6000, (isWide) => (isWide ? wide(5.7, MAX_ROWS) : narrow(7, MAX_ROWS)));
    assert.equal(play.trial.isWide, false);
    assert.equal(play.verdicts.at(-1)![0], 'keep');
  });

  it('comes at once when the rate has changed by much: somebody else uses the cores', () => {
    const play = new Play();
    play.run(10_000, (isWide) => (isWide ? wide(7.9) : narrow(5.7)));
    assert.equal(play.trial.isWide, true);
    const { now } = play;
    play.run(4000, (isWide) => (isWide ? wide(3.8) : narrow(4.8)));
    assert.equal(play.trial.isWide, false);
    const [, at] = play.verdicts.find(([verdict, when]) => verdict === 'keep' && when > now)!;
    assert.ok(at - now < 2500, `${at - now}`);
  });

  it('counts anew when there is one more session', () => {
    const play = new Play();
    play.run(FIRST_WAIT_MS - 300, () => ({ ...narrow(3), sessions: 1 }));
    play.run(FIRST_WAIT_MS - 300, () => narrow(5.7));
    assert.deepEqual(play.verdicts, []);
    play.run(1000, () => narrow(5.7));
    assert.equal(play.verdicts[0]?.[0], 'try');
  });

  it('that could not be is as one that brought nothing', () => {
    const trial = new PlanTrial();
    let now = 0;
    let asked = 0;
    for (; now < 20_000; now += 10) {
      if (trial.ran({ rows: 8, maxRows: MAX_ROWS, runMs: 18, sessions: 2 }, now) !== 'try') continue;
      asked += 1;
      trial.giveUp(false, now);
    }
    assert.equal(trial.isWide, false);
    assert.ok(asked >= 2 && asked <= 3, `${asked}`);
  });
});
