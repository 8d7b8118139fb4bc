/** Load reports (ORCA) as balancers get them: on answers and as a stream of their own, read by grpc-js's own client. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, describe, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { createMetricsReader, createOrcaClient } from '@grpc/grpc-js/build/src/orca.js';
import { systemClock } from '../../../../src/core/clock.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { loadReportSurface } from '../../../../src/features/load-reports/install.ts';
import { LoadMeter } from '../../../../src/features/load-reports/load-meter.ts';
import { LoadReports } from '../../../../src/features/load-reports/load-reports.ts';
import type { Totals } from '../../../../src/ledger/metrics/totals.ts';
import { emptyTotals } from '../../../support/columns.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { currentEngine, eachEngine } from '../../../support/grpc-engines.ts';
import { floatRequest, type GrpcHarness, INFERENCE, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { LISTED_SURFACES } from '../../../support/listed-features.ts';
import { fail } from '../../../support/puppet-models.ts';
import { type RawAnswer, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

const FULL = new ServingError('overloaded', 'no room', { retryAfterMs: 1200, attributes: { reason: 'queue_full' } });
const GREEDY = new ServingError('overloaded', 'slow down', {
  retryAfterMs: 10,
  attributes: { reason: 'caller_limit' },
});

/** The reports of a server of one core that has answered 100 requests of 4 ms each in its first second. */
function reportsOf(
  clock: FakeClock,
  isAlways = false,
): { readonly loads: LoadReports; readonly meter: LoadMeter; readonly totals: Totals } {
  const nothing = (): number => 0;
  const totals = emptyTotals();
  const meter = new LoadMeter({
    ...{ clock, totals, settle: () => undefined, runCores: () => 1, budgetCores: () => 1 },
    ...{ waitingMs: nothing, loopBusyMs: nothing, cpuMs: nothing },
  });
  clock.advance(1000);
  for (let i = 0; i < 100; i++) {
    meter.recordRequest(requestRecord());
    totals.recordBatch(batchRecord({ model: 'm', threads: 1, executeStart: 1000, end: 1004 }));
  }
  return { loads: new LoadReports({ meter, isAlways, namesModels: true }), meter, totals };
}

interface Ended {
  readonly code: number;
  readonly metadata: grpc.Metadata;
}

/** One Predict, and how it ended. */
function predict(server: GrpcHarness, model: string, sent: Readonly<Record<string, string>>): Promise<Ended> {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(sent)) metadata.set(name, value);
  return new Promise((resolve) => {
    const request = floatRequest([1], { name: model });
    const call = server.client(PREDICTION).Predict(request, metadata, () => undefined);
    call.on('status', (status: Ended) => resolve(status));
  });
}

/** The report in the metadata as grpc-js reads it for its balancers. */
function reportIn({ code, metadata }: Ended): Record<string, unknown> | undefined {
  let found: object | undefined;
  createMetricsReader((report) => {
    found = report;
  }, null)(code, '', metadata);
  return found as Record<string, unknown> | undefined;
}

function addModels(server: { add(name: string, options?: object): unknown }): void {
  server.add('m');
  server.add('full', { behave: fail(FULL) });
  server.add('greedy', { behave: fail(GREEDY) });
}

const ASKS = { 'endpoint-load-metrics-format': 'bin' };

eachEngine('an answer and a refusal carry a report if they are asked to', async () => {
  const { loads } = reportsOf(new FakeClock());
  await withGrpc(
    addModels,
    async (server) => {
      assert.equal(reportIn(await predict(server, 'm', {})), undefined);
      for (const model of ['m', 'full']) {
        const report = reportIn(await predict(server, model, ASKS))!;
        assert.equal(report['application_utilization'], 0.4);
        assert.equal(report['rps_fractional'], 100);
        assert.deepEqual(report['named_metrics'], { queue_ms: 0.001, 'model.m': 0.4 });
      }
    },
    { surfaces: [() => loadReportSurface(loads, systemClock)] },
  );
});

eachEngine('a stream of requests carries a report at its end', async (t) => {
  if (!hasFeature('open-inference')) return t.skip();
  const clock = new FakeClock();
  const { loads } = reportsOf(clock);
  await withGrpc(
    addModels,
    async (server) => {
      const end = async (sent: Readonly<Record<string, string>>, drains: boolean): Promise<Ended> => {
        const metadata = new grpc.Metadata();
        for (const [name, value] of Object.entries(sent)) metadata.set(name, value);
        const stream = server.client(INFERENCE).ModelStreamInfer(metadata);
        stream.on('error', () => undefined);
        const ended = new Promise<Ended>((resolve) => stream.on('status', resolve));
        const contents = { fp32_contents: [1] };
        const answered = new Promise((resolve) => stream.once('data', resolve));
        stream.write({ model_name: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: [1], contents }] });
        await answered;
        if (drains) void server.server.drain();
        else stream.end();
        return ended;
      };
      assert.equal(reportIn(await end({}, false)), undefined);
      assert.equal(reportIn(await end(ASKS, false))?.['application_utilization'], 0.4);
      const drained = await end(ASKS, true);
      assert.equal(drained.code, grpc.status.UNAVAILABLE);
      assert.equal(reportIn(drained)?.['application_utilization'], 0.4);
      assert.equal(drained.metadata.get('grpc-retry-pushback-ms')[0], '1000');
    },
    { surfaces: [...LISTED_SURFACES, () => loadReportSurface(loads, clock)], clock },
  );
});

eachEngine('a stream has a report each 0.1 s at most, and each 30 s if its client does not say', async () => {
  const clock = new FakeClock();
  const { loads } = reportsOf(clock);
  await withGrpc(
    addModels,
    async (server) => {
      for (const [asked, intervalMs] of [
        [1, 100],
        [0, 30_000],
      ] as const) {
        const { reports, ended, close } = watch(server, asked);
        await server.until(() => reports.length === 1);
        clock.advance(intervalMs - 1);
        await predict(server, 'm', {});
        assert.equal(reports.length, 1);
        clock.advance(1);
        await server.until(() => reports.length === 2);
        close();
        await ended;
      }
    },
    { surfaces: [() => loadReportSurface(loads, clock)], clock },
  );
});

eachEngine('every answer carries a report where the server shall', async () => {
  const { loads } = reportsOf(new FakeClock(), true);
  await withGrpc(
    addModels,
    async (server) => {
      for (const model of ['m', 'm', 'full']) assert.ok(reportIn(await predict(server, model, {})) !== undefined);
    },
    { surfaces: [() => loadReportSurface(loads, systemClock)] },
  );
});

eachEngine('a refusal says what proxies may do about it', async () => {
  await withGrpc(addModels, async (server) => {
    const said = async (model: string) => {
      const { code, metadata } = await predict(server, model, {});
      const names = ['x-envoy-overloaded', 'x-envoy-ratelimited', 'retry-after', 'grpc-retry-pushback-ms'];
      return [code, ...names.map((name) => metadata.get(name)[0])];
    };
    const exhausted = grpc.status.RESOURCE_EXHAUSTED;
    assert.deepEqual(await said('full'), [exhausted, 'true', undefined, '2', '1200']);
    assert.deepEqual(await said('greedy'), [exhausted, undefined, 'true', '1', '10']);
    assert.deepEqual(await said('m'), [0, undefined, undefined, undefined, undefined]);
  });
});

/** grpc-js's client of reports beside the requests. */
function watch(server: GrpcHarness, intervalMs: number) {
  const channel = new grpc.Channel(server.address, grpc.credentials.createInsecure(), {});
  const interval = { seconds: Math.floor(intervalMs / 1000), nanos: (intervalMs % 1000) * 1_000_000 };
  const call = createOrcaClient(channel).StreamCoreMetrics({ report_interval: interval });
  const reports: { readonly rps_fractional: number }[] = [];
  const ended = new Promise<number>((resolve) => call.on('error', ({ code }: grpc.ServiceError) => resolve(code)));
  call.on('data', (report) => reports.push(report));
  const close = (): void => {
    call.cancel();
    channel.close();
  };
  return { reports, ended, close };
}

eachEngine('a stream has a report at once and each interval, and ends with the server', async () => {
  const clock = new FakeClock();
  const { loads, meter, totals } = reportsOf(clock);
  await withGrpc(
    addModels,
    async (server) => {
      const { reports, ended, close } = watch(server, 2500);
      await server.until(() => reports.length === 1);
      assert.equal(reports[0]!.rps_fractional, 100);
      clock.advance(2499);
      for (let i = 0; i < 50; i++) meter.recordRequest(requestRecord());
      totals.recordBatch(batchRecord({ threads: 1, executeStart: 1000, end: 1250 }));
      clock.advance(1);
      await server.until(() => reports.length === 2);
      assert.equal(reports[1]!.rps_fractional, 20);
      assert.equal(server.records.length, 0, 'it is no request');
      const drained = server.server.drain();
      assert.equal(await ended, grpc.status.UNAVAILABLE);
      close();
      await drained;
      assert.deepEqual(server.internalErrors, []);
    },
    { surfaces: [() => loadReportSurface(loads, clock)], clock },
  );
});

eachEngine('a stream whose client leaves sends nothing more', async () => {
  const clock = new FakeClock();
  const { loads } = reportsOf(clock);
  let asked = 0;
  const counted = Object.create(loads, {
    report: {
      get: () => {
        asked += 1;
        return loads.report;
      },
    },
  }) as LoadReports;
  await withGrpc(
    addModels,
    async (server) => {
      const { reports, ended, close } = watch(server, 100);
      await server.until(() => reports.length === 1);
      close();
      await ended;
      // The server has heard of it once a later call is answered.
      await predict(server, 'm', {});
      await server.until(() => {
        const before = asked;
        clock.advance(100);
        return asked === before;
      });
    },
    { surfaces: [() => loadReportSurface(counted, clock)], clock },
  );
});

eachEngine('without reports there is no such service', async () => {
  await withGrpc(addModels, async (server) => {
    const { ended, close } = watch(server, 1000);
    assert.equal(await ended, grpc.status.UNIMPLEMENTED, currentEngine().name);
    close();
  });
});

describe('over REST', () => {
  const clock = new FakeClock();
  const rest = new RestHarness({ surfaces: [() => loadReportSurface(reportsOf(clock).loads, clock)] });
  let connection: RawConnection;

  before(async () => {
    addModels(rest.models);
    await rest.listen();
    connection = await rest.connect();
  });

  after(() => rest.close());

  async function ask(model: string, headers: readonly string[]): Promise<RawAnswer> {
    connection.post(`/v1/models/${model}:predict`, '{"instances":[1]}', headers);
    return connection.answer();
  }

  test('an answer and a refusal carry a report in the form that is asked for', async () => {
    for (const model of ['m', 'full']) {
      const text = (await ask(model, ['Endpoint-Load-Metrics-Format: TEXT'])).headers;
      assert.equal(
        text.get('endpoint-load-metrics'),
        'TEXT application_utilization=0.4,cpu_utilization=0.01,rps_fractional=100,eps=0,' +
          'named_metrics.queue_ms=0.001,named_metrics.model.m=0.4',
      );
      const json = (await ask(model, ['endpoint-load-metrics-format: json'])).headers;
      assert.match(json.get('endpoint-load-metrics')!, /^JSON \{"application_utilization":0\.4,/);
      const bin = (await ask(model, ['endpoint-load-metrics-format: bin'])).headers;
      assert.ok(Buffer.from(bin.get('endpoint-load-metrics-bin')!, 'base64').length > 20);
    }
  });

  test('nothing is told to who does not ask, or asks for an unknown form', async () => {
    for (const headers of [[], ['endpoint-load-metrics-format: xml']]) {
      const answer = await ask('m', headers);
      assert.equal(answer.status, 200);
      assert.deepEqual(
        [...answer.headers.keys()].filter((name) => name.startsWith('endpoint-load')),
        [],
      );
    }
  });

  test('a refusal says what proxies may do about it', async () => {
    const full = await ask('full', []);
    assert.equal(full.status, 429);
    assert.deepEqual([full.headers.get('x-envoy-overloaded'), full.headers.get('retry-after')], ['true', '2']);
    const greedy = (await ask('greedy', [])).headers;
    assert.deepEqual([greedy.get('x-envoy-ratelimited'), greedy.get('retry-after')], ['true', '1']);
    assert.equal(greedy.has('x-envoy-overloaded'), false);
  });
});
