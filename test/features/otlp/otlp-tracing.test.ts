import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServedNames } from '../../../src/features/otlp/attributes/served-names.ts';
import { lossCounter } from '../../../src/features/otlp/losses.ts';
import { createTracing, isTracingConfigured, otlpProtocol } from '../../../src/features/otlp/otlp-tracing.ts';
import type { OtlpProtocol } from '../../../src/features/otlp/tracing-options.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { Metrics } from '../../../src/ledger/metrics/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';

describe('tracing is configured', () => {
  const endpoint = 'http://127.0.0.1:4318';
  const table: readonly (readonly [env: Record<string, string>, expected: boolean])[] = [
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'x' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, false],
    [{ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, true],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, false],
    [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_TRACES_EXPORTER: 'otlp' }, false],
    [{ OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }, true],
  ];
  for (const [env, expected] of table) {
    it(`${JSON.stringify(env)}: ${expected}`, () => assert.equal(isTracingConfigured(env), expected));
  }

  it('and else there is none', () => {
    const clock = new FakeClock();
    const logger = createLogger({ level: 'silent', clock });
    assert.equal(
      createTracing({ env: {}, clock, logger, version: '0', names: new ServedNames() }, () => undefined),
      undefined,
    );
  });
});

describe('spans are bytes', () => {
  const table: readonly (readonly [env: Record<string, string>, expected: OtlpProtocol | undefined])[] = [
    [{}, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'otlp,console' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, undefined],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'grpc'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, undefined],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' }, 'http/protobuf'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier pigeon' }, undefined],
  ];
  for (const [env, expected] of table) {
    it(`${JSON.stringify(env)}: ${expected}`, () => assert.equal(otlpProtocol(env), expected));
  }
});

it('spans that were lost are counted', async () => {
  const metrics = new Metrics({ clock: new FakeClock() });
  lossCounter(metrics.registry, 'pillion_lost_spans_total', 'Lost.')(7, 'export_failed');
  assert.match(await textOf(metrics), /^pillion_lost_spans_total\{reason="export_failed"\} 7$/m);
});
