/** The log of a real server at a collector, and beside one that is dead. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { killSidecars, type LogLine, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';
import { recordsOf, startGrpcLogs, startHttpLogs } from '../log-receiver.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';

const predict = (rest: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${rest}/v1/models/half_plus_two:predict`, { method: 'POST', headers, body });

describe('each line of the log but the last reaches the collector', () => {
  for (const [protocol, start] of [
    ['http/protobuf', startHttpLogs],
    ['grpc', startGrpcLogs],
  ] as const) {
    test(`over ${protocol}`, async (t) => {
      const receiver = await start(t);
      const sidecar = await startSidecar([MODEL], {
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_TRACES_EXPORTER: 'none',
        OTEL_SERVICE_NAME: 'shop-models',
      });
      const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
      const refused = await predict(sidecar.rest, 'nonsense', { traceparent: `00-${traceId}-${spanId}-01` });
      assert.equal(refused.status, 400);
      assert.equal(await sidecar.stop(), 0);
      const records = recordsOf(receiver.requests);
      const written = sidecar.lines.filter(({ event }) => event !== 'drained');
      const textOf = ({ msg }: LogLine): string => String(msg);
      assert.deepEqual(
        records.map(({ body }) => body.stringValue),
        written.map(textOf),
      );
      const failed = records.find((record) => record.traceId.toString('hex') === traceId)!;
      assert.equal(failed.spanId.toString('hex'), spanId);
      assert.deepEqual([failed.severityNumber, failed.severityText], [9, 'info']);
      assert.ok(
        failed.attributes.some(({ key, value }) => key === 'outcome' && value?.stringValue === 'invalid_request'),
      );
      assert.ok(records.some(({ eventName }) => eventName === 'ready'));
      const { attributes } = receiver.requests[0]!.resourceLogs[0]!.resource;
      const service = attributes.find(({ key }) => key === 'service.name');
      assert.equal(service?.value?.stringValue, 'shop-models');
    });
  }
});

test('a collector that never answers holds up nothing; what is lost is counted', async (t) => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const sidecar = await startSidecar([MODEL, '--log_level=debug'], {
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1/logs`,
    OTEL_BLRP_MAX_QUEUE_SIZE: '10',
    OTEL_BLRP_SCHEDULE_DELAY: '0',
  });
  for (let i = 0; i < 50; i++) assert.equal((await predict(sidecar.rest, '{"instances": [1]}')).status, 200);
  const page = new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text());
  assert.ok(page.value('pillion_lost_log_records_total', { reason: 'queue_full' }) >= 30);
  assert.equal(await sidecar.stop(), 0);
  const drained = sidecar.lines.find(({ event }) => event === 'drained');
  assert.ok(Number(drained?.['lost_log_records']) >= 10, JSON.stringify(drained));
  const told = sidecar.lines.filter(({ msg }) => msg === 'log records are lost: too many wait for the collector');
  assert.equal(told.length, 1);
});

test('a general endpoint alone does not export the log', async (t) => {
  const receiver = await startHttpLogs(t);
  const sidecar = await startSidecar([MODEL], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: undefined,
    OTEL_LOGS_EXPORTER: undefined,
  });
  assert.equal(await sidecar.stop(), 0);
  assert.deepEqual(receiver.requests, []);
});
