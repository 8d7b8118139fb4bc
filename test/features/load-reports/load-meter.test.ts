import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { LEAST_UTILIZATION, LoadMeter } from '../../../src/features/load-reports/load-meter.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import type { BatchRecord } from '../../../src/ledger/request-record.ts';
import { createTelemetry } from '../../../src/ledger/telemetry.ts';
import { emptyTotals } from '../../support/columns.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

/** A server of two cores on a fake clock, and its meter. */
class Server {
  readonly clock = new FakeClock();
  waitingMs = 0;
  loopBusyMs = 0;
  cpuMs = 0;
  readonly totals = emptyTotals();
  readonly meter: LoadMeter;

  constructor() {
    this.meter = new LoadMeter({
      clock: this.clock,
      settle: () => undefined,
      totals: this.totals,
      runCores: () => 2,
      waitingMs: () => this.waitingMs,
      loopBusyMs: () => this.loopBusyMs,
      cpuMs: () => this.cpuMs,
      budgetCores: () => 2,
    });
  }

  /** One second of `rate` requests, each of which is a batch of its own of `runMs` on one thread. */
  second(rate: number, runMs: number, changes: Partial<BatchRecord> = {}): void {
    for (let i = 0; i < rate; i++) {
      this.clock.advance(1000 / rate);
      this.run(runMs, changes);
      this.meter.recordRequest(requestRecord());
    }
  }

  run(runMs: number, changes: Partial<BatchRecord> = {}): void {
    const end = this.clock.nowMs() + 10_000;
    this.totals.recordBatch(batchRecord({ threads: 1, executeStart: end - runMs, end, ...changes }));
  }

  refuse(count: number, error: ServingError): void {
    for (let i = 0; i < count; i++) this.meter.recordRequest(requestRecord({ outcome: error.kind, error }));
  }
}

function isNear(found: number | undefined, wanted: number): void {
  assert.ok(found !== undefined && Math.abs(found - wanted) <= 0.02 * wanted, `${found} is not about ${wanted}`);
}

describe('utilization', () => {
  it('is the share of the cores that runs took, and follows within two seconds', () => {
    const server = new Server();
    server.second(100, 4);
    isNear(server.meter.figures()!.utilization, 0.2);
    isNear(server.meter.figures()!.rps, 100);
    server.second(100, 12);
    server.meter.figures();
    server.second(100, 12);
    isNear(server.meter.figures()!.utilization, 0.6);
  });

  it('counts the threads of a run, and all of an event loop that is busier than the cores', () => {
    const server = new Server();
    server.second(100, 4, { threads: 2 });
    isNear(server.meter.figures()!.utilization, 0.4);
    server.loopBusyMs = 900;
    server.second(100, 4);
    isNear(server.meter.figures()!.utilization, 0.9);
  });

  it('is that of the runs that another server takes at once, where those are scarcest', () => {
    const server = new Server();
    server.second(100, 40, { model: 'far', ownSlots: 8 });
    const { utilization, rps, models } = server.meter.figures()!;
    isNear(utilization, 0.5);
    isNear(rps, 100);
    isNear(models.get('far'), 0.5);
  });

  it('grows in step with the requests, although larger batches cost less for each', () => {
    // A row alone takes 5 ms, eight take 12: 1.5 ms each.
    const idle = new Server();
    idle.second(100, 5, { fullShare: 0.3 });
    const busy = new Server();
    busy.second(100, 12, { fullShare: 1 });
    for (let i = 0; i < 700; i++) busy.meter.recordRequest(requestRecord());
    const [few, many] = [idle.meter.figures()!, busy.meter.figures()!];
    isNear(few.rps / few.utilization, many.rps / many.utilization);
  });

  it('is above 1 where work waits', () => {
    const server = new Server();
    server.waitingMs = 400;
    server.second(100, 20);
    const { utilization, queueMs } = server.meter.figures()!;
    isNear(utilization, 1.4);
    assert.equal(queueMs, 400);
  });
});

describe('requests', () => {
  it('are the answered ones: refusals and failures are errors', () => {
    const server = new Server();
    server.second(50, 4);
    server.refuse(200, new ServingError('overloaded', ''));
    server.refuse(10, new ServingError('deadline_exceeded', ''));
    const { rps, eps } = server.meter.figures()!;
    isNear(rps, 50);
    isNear(eps, 210);
  });

  it('count neither as answered nor as errors where the caller is at fault, or no model runs', () => {
    const server = new Server();
    server.second(50, 4);
    for (const kind of ['invalid_request', 'cancelled', 'model_not_found', 'unsupported'] as const) {
      server.refuse(50, new ServingError(kind, ''));
    }
    server.refuse(50, new ServingError('overloaded', '', { attributes: { reason: 'caller_limit' } }));
    const { clock } = server;
    const telemetry = createTelemetry({
      clock,
      logger: createLogger({ level: 'fatal', clock }),
    });
    telemetry.follow(server.meter);
    telemetry.recordRequest(requestRecord({ method: 'GetModelStatus' }));
    telemetry.settle();
    const { rps, eps } = server.meter.figures()!;
    isNear(rps, 50);
    assert.equal(eps, 0);
  });

  it('of a server that refuses most weigh less than those of one that answers all', () => {
    const weight = (server: Server): number => {
      const { rps, utilization, eps } = server.meter.figures()!;
      return rps / (utilization + eps / rps);
    };
    const refusing = new Server();
    refusing.second(100, 20);
    refusing.refuse(900, new ServingError('overloaded', ''));
    const well = new Server();
    well.second(100, 16);
    assert.ok(weight(refusing) < weight(well) / 5, `${weight(refusing)} ${weight(well)}`);
  });
});

describe('a server with nothing to do', () => {
  it('reports the least utilization, and what it could do at that', () => {
    const server = new Server();
    for (let i = 0; i < 10; i++) {
      server.second(100, 10);
      server.meter.figures();
    }
    const busy = server.meter.figures()!;
    server.clock.advance(60_000);
    server.meter.figures();
    server.clock.advance(60_000);
    const idle = server.meter.figures()!;
    assert.equal(idle.utilization, LEAST_UTILIZATION);
    isNear(idle.rps / idle.utilization, busy.rps / busy.utilization);
    assert.ok([idle.cpu, idle.queueMs, ...idle.models.values()].every((value) => value > 0));
  });

  it('has a first request that says what it costs', () => {
    const server = new Server();
    server.clock.advance(999);
    server.second(1, 1);
    const { utilization, rps } = server.meter.figures()!;
    assert.equal(utilization, LEAST_UTILIZATION);
    assert.ok(rps > 10, String(rps));
  });

  it('reports nothing before its first answer', () => {
    const server = new Server();
    server.clock.advance(5000);
    server.refuse(1, new ServingError('draining', ''));
    assert.equal(server.meter.figures(), undefined);
  });
});

it('the figures of a moment are one object', () => {
  const server = new Server();
  server.second(1, 1);
  const first = server.meter.figures();
  server.clock.advance(99);
  assert.equal(server.meter.figures(), first);
  server.clock.advance(1);
  assert.notEqual(server.meter.figures(), first);
});

it('models have their share of the cores; the sixteen busiest are told', () => {
  const server = new Server();
  server.clock.advance(1000);
  server.meter.recordRequest(requestRecord());
  for (let i = 1; i <= 20; i++) server.run(10 * i, { model: `m${i}` });
  const { models } = server.meter.figures()!;
  assert.equal(models.size, 16);
  isNear(models.get('m20'), 0.1);
  assert.equal(models.has('m4'), false);
});
