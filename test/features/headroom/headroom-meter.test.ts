import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ServingError } from '../../../src/core/errors.ts';
import {
  type Headroom,
  HeadroomMeter,
  MAX_LOAD,
  type RunPlace,
} from '../../../src/features/headroom/headroom-meter.ts';
import type { BatchRecord } from '../../../src/ledger/request-record.ts';
import { emptyTotals } from '../../support/columns.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

/** Six time constants: 99.8 % of a step. */
const SETTLED_S = 60;

/** What happens in one second of a server of two cores. */
interface Second {
  readonly answered?: number;
  readonly refused?: number;
  readonly error?: ServingError;
  /** Of all runs together, on one thread. */
  readonly runMs?: number;
  readonly loopMs?: number;
  readonly waitingMs?: number;
  readonly model?: string;
  readonly batch?: Partial<BatchRecord>;
}

const OVERLOADED = new ServingError('overloaded', '', { attributes: { stage: 'admit', reason: 'predicted_late' } });

class Server {
  readonly clock = new FakeClock();
  readonly totals = emptyTotals();
  readonly meter: HeadroomMeter;
  objectiveMs = 500;
  /** Requests take 35 ms from their bodies on (fullStages). */
  configuredMs: number | undefined;
  wantedMs: number | undefined;
  readonly places = new Map<string, RunPlace>();
  #loopMs = 0;
  #waitingMs = 0;

  constructor() {
    this.meter = new HeadroomMeter({
      clock: this.clock,
      settle: () => undefined,
      totals: this.totals,
      runCores: () => 2,
      waitingMs: () => this.#waitingMs,
      loopBusyMs: () => this.#loopMs,
      placeOf: (model) => this.places.get(model) ?? 'cores',
      loopWantedMs: () => this.wantedMs,
      objectiveMs: () => this.objectiveMs,
      objectiveOf: () => this.configuredMs,
    });
    this.meter.start();
  }

  second({ answered = 0, refused = 0, error = OVERLOADED, runMs = 0, loopMs = 0, ...rest }: Second): void {
    const { waitingMs = 0, model = 'digits', batch } = rest;
    for (let i = 0; i < answered; i++) this.meter.recordRequest(requestRecord({ model }));
    for (let i = 0; i < refused; i++) this.meter.recordRequest(requestRecord({ model, outcome: error.kind, error }));
    if (runMs > 0) this.totals.recordBatch(batchRecord({ model, executeStart: 10, end: 10 + runMs, ...batch }));
    this.#loopMs += loopMs;
    this.#waitingMs = waitingMs;
    this.clock.advance(1000);
  }

  seconds(count: number, second: Second): Headroom {
    for (let i = 0; i < count; i++) this.second(second);
    return this.meter.read(true);
  }
}

function settled(second: Second): Headroom {
  return new Server().seconds(SETTLED_S, second);
}

describe('the headroom', () => {
  it('is all of an idle server, also before its first second', () => {
    assert.deepEqual(new Server().meter.read(true), {
      ...{ headroom: 1, load: 0, bound: 'cores', cores: 0, event_loop: 0, calls: 0, queue_ms: 0 },
      ...{ objective_ms: 500, requests_per_s: 0, missed_per_s: 0, models: [] },
    });
    assert.equal(settled({ loopMs: 3 }).headroom, 1);
  });

  it('is what the scarcer of cores and event loop has left', () => {
    const { headroom, load, bound } = settled({ answered: 100, runMs: 1200, loopMs: 300 });
    assert.deepEqual({ headroom, load, bound }, { headroom: 0.4, load: 0.6, bound: 'cores' });
    assert.equal(settled({ answered: 100, runMs: 400, loopMs: 700 }).bound, 'event_loop');
    assert.equal(settled({ answered: 100, runMs: 400, loopMs: 700 }).load, 0.7);
  });

  it('counts threads, and rows as in full batches', () => {
    assert.equal(settled({ answered: 100, runMs: 500, batch: { threads: 2 } }).load, 0.5);
    assert.equal(settled({ answered: 100, runMs: 2000, batch: { fullShare: 0.25 } }).load, 0.25);
  });

  it('is nothing while requests are refused, and the load tells how much is missing', () => {
    const { headroom, load, bound } = settled({ answered: 200, refused: 100, runMs: 2000 });
    assert.deepEqual({ headroom, load, bound }, { headroom: 0, load: 1.5, bound: 'misses' });
    assert.equal(settled({ refused: 100, runMs: 2000 }).load, MAX_LOAD);
    assert.equal(settled({ answered: 980, refused: 20, runMs: 200 }).headroom, 0);
  });

  it('falls as far as the objective is missed: by half for half of one in a hundred', () => {
    const { load } = settled({ answered: 199, refused: 1, runMs: 400 });
    assert.ok(Math.abs(load - 0.6) < 0.015, String(load));
  });

  it('is nothing where answers are later than the configured objective, although the cores have time', () => {
    for (const [configuredMs, headroom] of [
      [undefined, 0.9],
      [36, 0.9],
      [34, 0],
    ] as const) {
      const server = new Server();
      server.configuredMs = configuredMs;
      assert.equal(server.seconds(SETTLED_S, { answered: 10, runMs: 200 }).headroom, headroom);
    }
  });

  it('counts the event loop as busy while its thread waits for a core', () => {
    const server = new Server();
    server.wantedMs = 0;
    for (let i = 0; i < SETTLED_S; i++) {
      server.wantedMs += 800;
      server.second({ answered: 10, loopMs: 200 });
    }
    const { load, bound } = server.meter.read(true);
    assert.deepEqual({ load, bound }, { load: 0.8, bound: 'event_loop' });
  });

  it('is nothing where what waits takes as long as the objective', () => {
    const { headroom, load, bound } = settled({ answered: 100, runMs: 1000, waitingMs: 600 });
    assert.deepEqual({ headroom, load, bound }, { headroom: 0, load: 1.2, bound: 'queue' });
    assert.equal(settled({ answered: 100, runMs: 1000, waitingMs: 100 }).load, 0.5);
  });

  it('is that of the calls in flight, for a model that another server runs, which takes no cores here', () => {
    const server = new Server();
    server.places.set('far', 8);
    const { load, bound, cores, models } = server.seconds(SETTLED_S, { answered: 50, runMs: 6000, model: 'far' });
    assert.deepEqual({ load, bound, cores }, { load: 0.75, bound: 'calls', cores: 0 });
    assert.equal(models![0]!.headroom, 0.25);
  });

  it('is that of the event loop, for a model that runs on it', () => {
    const server = new Server();
    server.places.set('tiny', 'loop');
    const { load, cores } = server.seconds(SETTLED_S, { answered: 50, runMs: 400, loopMs: 500, model: 'tiny' });
    assert.deepEqual({ load, cores }, { load: 0.5, cores: 0 });
  });

  it('does not go by what more servers would not help', () => {
    const attributes = (stage: string, reason?: string) => ({ attributes: { stage, ...(reason && { reason }) } });
    for (const error of [
      new ServingError('deadline_exceeded', '', attributes('admit', 'deadline_too_short')),
      new ServingError('deadline_exceeded', '', attributes('admit', 'expired')),
      new ServingError('deadline_exceeded', '', attributes('receive')),
      new ServingError('overloaded', '', attributes('admit', 'caller_limit')),
      new ServingError('overloaded', 'what another server has said'),
      new ServingError('backend_failed', ''),
      new ServingError('invalid_request', ''),
      new ServingError('draining', ''),
    ]) {
      assert.equal(settled({ answered: 10, refused: 90, error, runMs: 200 }).load, 0.1, error.kind);
    }
    const late = new ServingError('deadline_exceeded', '', attributes('queue', 'expired'));
    assert.equal(settled({ answered: 10, refused: 90, error: late, runMs: 200 }).headroom, 0);
  });

  it('follows a step by 63 % in ten seconds and 95 % in thirty, and no second moves it by more than a tenth', () => {
    const server = new Server();
    const loads: number[] = [];
    for (let i = 0; i < 30; i++) loads.push(server.seconds(1, { answered: 100, runMs: 2000 }).load);
    assert.equal(loads[9], 0.63);
    assert.equal(loads[29], 0.95);
    let before = 0;
    for (const load of loads) {
      assert.ok(load - before <= 0.1 + 1e-9, `${before} → ${load}`);
      before = load;
    }
  });

  it('is the same, whoever asks and however often', () => {
    const [asked, left] = [new Server(), new Server()];
    for (let i = 0; i < 20; i++) {
      asked.seconds(1, { answered: 10, runMs: 600 });
      for (let j = 0; j < 5; j++) asked.meter.read(false);
      left.second({ answered: 10, runMs: 600 });
    }
    assert.deepEqual(asked.meter.read(true), left.meter.read(true));
  });

  it('does not take one late request of a quiet server for an overload', () => {
    const server = new Server();
    server.seconds(SETTLED_S, { answered: 1, runMs: 20 });
    assert.ok(server.seconds(1, { refused: 1 }).load <= 0.5);
  });

  it('comes back within three time constants after an overload, however bad that was', () => {
    const server = new Server();
    server.seconds(SETTLED_S, { answered: 100, refused: 10_000, runMs: 2000, waitingMs: 5000 });
    let last = server.meter.read(true).load;
    assert.equal(last, MAX_LOAD);
    for (let i = 0; i < 30; i++) {
      const { load } = server.seconds(1, { answered: 0 });
      assert.ok(load <= last);
      last = load;
    }
    assert.ok(last <= 0.5, String(last));
  });

  it('is of each model what fits beside the others', () => {
    const server = new Server();
    for (let i = 0; i < SETTLED_S; i++) {
      server.totals.recordBatch(batchRecord({ model: 'small', executeStart: 10, end: 110 }));
      server.meter.recordRequest(requestRecord({ model: 'small' }));
      server.second({ answered: 10, runMs: 1100, model: 'large' });
    }
    const { headroom, models } = server.meter.read(true);
    assert.equal(headroom, 0.4);
    // Of 0.4 of the cores, beside its own 0.05 and 0.55.
    const of = new Map(models!.map((each) => [each.model, each.headroom]));
    assert.deepEqual([of.get('small'), of.get('large')], [0.89, 0.42]);
    assert.equal(server.meter.read(false).models, undefined);
    assert.deepEqual(server.seconds(300, {}).models, [], 'a model that nobody asks any more is forgotten');
  });
});

const anySecond = fc.record({
  answered: fc.nat(500),
  refused: fc.nat(500),
  runMs: fc.nat(5000),
  loopMs: fc.nat(1500),
  waitingMs: fc.nat(5000),
});

describe('whatever happens', () => {
  it('headroom is from 0 to 1, load from 0 to its most, and no figure is NaN', () => {
    fc.assert(
      fc.property(fc.array(anySecond, { maxLength: 20 }), (seconds) => {
        const server = new Server();
        for (const second of seconds) server.second(second);
        const { headroom, load, models, bound: _, ...figures } = server.meter.read(true);
        assert.ok(headroom >= 0 && headroom <= 1 && load >= 0 && load <= MAX_LOAD);
        assert.ok(Math.abs(Math.max(0, 1 - load) - headroom) < 1e-9);
        for (const figure of Object.values(figures)) assert.ok(Number.isFinite(figure));
        for (const each of models!) assert.ok(each.headroom >= 0 && each.headroom <= 1);
      }),
      { numRuns: 200 },
    );
  });

  it('more of anything but answers is never more headroom', () => {
    const part = fc.constantFrom('refused', 'runMs', 'loopMs', 'waitingMs');
    fc.assert(
      fc.property(anySecond, part, fc.integer({ min: 1, max: 2000 }), (second, more, by) => {
        const before = settled(second);
        const after = settled({ ...second, [more]: second[more] + by });
        assert.ok(after.load >= before.load, `${before.load} → ${after.load}`);
        assert.ok(after.headroom <= before.headroom);
      }),
      { numRuns: 40 },
    );
  });

  it('more traffic of the same kind is never more headroom', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 40 }), fc.nat(20), (rate, ms, loop) => {
        let least = 1;
        for (const times of [1, 2, 3, 5, 8]) {
          const asked = rate * times;
          const answered = Math.min(asked, Math.floor(2000 / ms));
          const refused = asked - answered;
          const loopMs = Math.min(1000, loop * asked);
          const { headroom } = settled({ answered, refused, runMs: answered * ms, loopMs });
          assert.ok(headroom <= least + 1e-9, `${headroom} after ${least}`);
          least = headroom;
        }
      }),
      { numRuns: 40 },
    );
  });
});
