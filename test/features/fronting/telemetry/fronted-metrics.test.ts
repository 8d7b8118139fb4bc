import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { Registry } from '../../../../src/ledger/metrics/registry.ts';
import { FrontedMetrics } from '../../../../src/proxy/fronting/telemetry/fronted-metrics.ts';
import { textOf } from '../../../support/metrics-text.ts';
import { type FrontedFacts, frontedRecord } from '../fronted-record.ts';

const UNAVAILABLE = new ServingError('app_unavailable', 'not there');

/** The page's lines without buckets, help and types, of records with these facts. */
async function linesOf(all: readonly FrontedFacts[], traceId?: string): Promise<readonly string[]> {
  const registry = new Registry();
  const metrics = new FrontedMetrics(registry, { inFlight: 3, connections: () => 2 });
  for (const facts of all) metrics.record(frontedRecord(facts), traceId);
  metrics.recordConnect(true);
  metrics.recordConnect(false);
  const text = await textOf(registry, { exemplars: true });
  return text.split('\n').filter((line) => line.startsWith('pillion_app_'));
}

const plain = (lines: readonly string[]): readonly string[] => lines.filter((line) => !line.includes('_bucket{'));

it('requests count by route, method, status and outcome, with their times and bytes', async () => {
  const call = { arrival: { route: 'grpc', method: 'POST' }, rpcMethod: 'shop.Orders/Get', status: 500 } as const;
  const lines = await linesOf([{}, {}, call]);
  assert.deepEqual(plain(lines), [
    'pillion_app_requests_total{route="http",method="GET",status="2xx",outcome="ok"} 2',
    'pillion_app_requests_total{route="grpc",method="shop.Orders/Get",status="5xx",outcome="no_grpc_status",grpc_status="UNKNOWN"} 1',
    'pillion_app_body_bytes_total{route="http",direction="request"} 10',
    'pillion_app_body_bytes_total{route="http",direction="response"} 14',
    'pillion_app_body_bytes_total{route="grpc",direction="request"} 5',
    'pillion_app_body_bytes_total{route="grpc",direction="response"} 7',
    'pillion_app_connects_total{outcome="ok"} 1',
    'pillion_app_connects_total{outcome="failed"} 1',
    'pillion_app_request_duration_seconds_sum{route="http",status="2xx"} 0.1',
    'pillion_app_request_duration_seconds_count{route="http",status="2xx"} 2',
    'pillion_app_request_duration_seconds_sum{route="grpc",status="5xx"} 0.05',
    'pillion_app_request_duration_seconds_count{route="grpc",status="5xx"} 1',
    'pillion_app_head_duration_seconds_sum{route="http",status="2xx"} 0.02',
    'pillion_app_head_duration_seconds_count{route="http",status="2xx"} 2',
    'pillion_app_head_duration_seconds_sum{route="grpc",status="5xx"} 0.01',
    'pillion_app_head_duration_seconds_count{route="grpc",status="5xx"} 1',
    'pillion_app_requests_in_flight 3',
    'pillion_app_connections 2',
  ]);
});

it('a status of gRPC is told, and no answer well that is a server’s fault', async () => {
  const call = { arrival: { route: 'grpc', method: 'POST' }, rpcMethod: 'shop.Orders/Get' } as const;
  const all = [0, 5, 13, 14].map((status): FrontedFacts => ({ ...call, grpc: { status, message: undefined } }));
  const lines = (await linesOf(all)).filter((line) => line.startsWith('pillion_app_requests_total'));
  const of = (end: string): string =>
    `pillion_app_requests_total{route="grpc",method="shop.Orders/Get",status="2xx",outcome=${end}} 1`;
  assert.deepEqual(lines, [
    of('"ok",grpc_status="OK"'),
    of('"ok",grpc_status="NOT_FOUND"'),
    of('"app_error",grpc_status="INTERNAL"'),
    of('"app_error",grpc_status="UNAVAILABLE"'),
  ]);
});

it('what the application did not answer has a status if the client was told one, and no time to a head', async () => {
  const lines = plain(
    await linesOf([
      { error: UNAVAILABLE, outcome: 'app_unavailable', sends: 0 },
      { status: undefined, outcome: 'client_left' },
    ]),
  );
  assert.ok(
    lines.includes('pillion_app_requests_total{route="http",method="GET",status="5xx",outcome="app_unavailable"} 1'),
  );
  assert.ok(
    lines.includes('pillion_app_requests_total{route="http",method="GET",status="none",outcome="client_left"} 1'),
  );
  assert.ok(lines.includes('pillion_app_head_duration_seconds_count{route="http",status="5xx"} 0'));
});

it('no client can make a series: methods and statuses of its own are one', async () => {
  const made = Array.from({ length: 50 }, (_, i): FrontedFacts => {
    return { arrival: { method: `M${i}`, target: `/${i}`, host: `h${i}`, userAgent: `u${i}` }, status: 600 + i };
  });
  const lines = await linesOf(made);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('pillion_app_requests_total')),
    ['pillion_app_requests_total{route="http",method="_OTHER",status="none",outcome="ok"} 50'],
  );
});

it('buckets of both times have exemplars of requests with spans', async () => {
  const exemplars = (await linesOf([{}], 'abc')).filter((line) => line.includes('# {trace_id="abc"}'));
  assert.deepEqual(
    exemplars.map((line) => /^pillion_app_(\w+)_bucket\{le="([^"]+)"/.exec(line)?.slice(1)),
    [
      ['request_duration_seconds', '0.05'],
      ['head_duration_seconds', '0.01'],
    ],
  );
});
