/** Metrics leave the process by OpenTelemetry's standard variables, where they ask for it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { isExportAsked } from '../../../../src/features/otlp/asked-export.ts';
import { SCHEMA_URL } from '../../../../src/ledger/tracing/schema-url.ts';
import { VERSION } from '../../../../src/version.ts';
import { SemanticConventions } from '../../../support/semantic-conventions.ts';
import { exportSpans } from '../run-export-spans.ts';

interface Export {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

/** Takes whatever is posted. */
async function startReceiver(t: TestContext): Promise<{ endpoint: string; exports: Export[] }> {
  const exports: Export[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const type = request.headers['content-type'] ?? '';
    exports.push({ path: request.url ?? '', type, body: Buffer.concat(chunks) });
    response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, exports };
}

interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly count?: number;
  readonly sum?: number;
  readonly explicitBounds?: readonly number[];
  readonly bucketCounts?: readonly number[];
}
interface Body {
  readonly resourceMetrics: readonly {
    readonly schemaUrl: string;
    readonly resource: { readonly attributes: Point['attributes'] };
    readonly scopeMetrics: readonly {
      readonly schemaUrl: string;
      readonly scope: { readonly name: string; readonly version: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly histogram?: { readonly dataPoints: readonly Point[] };
        readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly Point[] };
      }[];
    }[];
  }[];
}

describe('metrics over OTLP', () => {
  it('have the names, labels and buckets of a scrape', async (t) => {
    const { endpoint, exports } = await startReceiver(t);
    const { log } = await exportSpans({
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_SERVICE_NAME: 'my-models',
    });
    assert.equal(log, '');
    assert.deepEqual(
      exports.map(({ path }) => path),
      ['/v1/metrics'],
    );
    const [{ resource, scopeMetrics, schemaUrl }] = (JSON.parse(exports[0]!.body.toString()) as Body)
      .resourceMetrics as [Body['resourceMetrics'][number]];
    const service = resource.attributes.find(({ key }) => key === 'service.name');
    assert.equal(service?.value.stringValue, 'my-models');
    const [scope] = scopeMetrics;
    assert.deepEqual([schemaUrl, scope!.schemaUrl], [SCHEMA_URL, SCHEMA_URL]);
    assert.deepEqual([scope!.scope.name, scope!.scope.version], ['pillion', VERSION]);
    const metrics = scopeMetrics.flatMap((scope) => scope.metrics);
    const points = metrics.flatMap(({ histogram, sum }) => histogram?.dataPoints ?? sum?.dataPoints ?? []);
    const keys = [resource, ...points].flatMap(({ attributes }) => attributes.map(({ key }) => key));
    const conventions = new SemanticConventions();
    assert.deepEqual(
      [...new Set(keys)].flatMap((key) => conventions.faultOf(key) ?? []),
      [],
    );
    const duration = metrics.find(({ name }) => name === 'pillion_request_duration_seconds')!;
    assert.equal(duration.unit, 's');
    const ok = duration.histogram!.dataPoints.find(({ attributes }) =>
      attributes.some(({ key, value }) => key === 'outcome' && value.stringValue === 'ok'),
    )!;
    assert.equal(ok.count, 1);
    assert.equal(ok.explicitBounds!.length, ok.bucketCounts!.length - 1);
    assert.equal(ok.bucketCounts![ok.explicitBounds!.indexOf(0.05)], 1);
    assert.equal(
      ok.bucketCounts!.reduce((sum, count) => sum + count, 0),
      1,
    );
    const batches = metrics.find(({ name }) => name === 'pillion_batches_total')!;
    assert.equal(batches.sum!.isMonotonic, true);
  });

  it('go as protobuf where nothing else is said', async (t) => {
    const { endpoint, exports } = await startReceiver(t);
    await exportSpans({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${endpoint}/v1/metrics`, OTEL_TRACES_EXPORTER: 'none' });
    assert.deepEqual(
      exports.map(({ type }) => type),
      ['application/x-protobuf'],
    );
    assert.ok(exports[0]!.body.includes('pillion_stage_duration_seconds'));
  });

  const table: readonly (readonly [env: Record<string, string>, expected: boolean])[] = [
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a' }, false],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://a' }, true],
    [{ OTEL_METRICS_EXPORTER: 'otlp' }, true],
    [{ OTEL_METRICS_EXPORTER: 'prometheus,otlp' }, true],
    [{ OTEL_METRICS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://a' }, false],
    [{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }, false],
  ];
  for (const [env, expected] of table) {
    it(`${JSON.stringify(env)}: ${expected}`, () => assert.equal(isExportAsked(env, 'METRICS'), expected));
  }
});
