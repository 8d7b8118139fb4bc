import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { LoadFigures } from '../../../src/features/load-reports/load-meter.ts';
import { LoadReport, loadFormatOf } from '../../../src/features/load-reports/load-report.ts';
import { LoadReports } from '../../../src/features/load-reports/load-reports.ts';
import { protoRegistry } from '../../support/proto-registry.ts';

const FIGURES: LoadFigures = {
  utilization: 0.41236,
  cpu: 0.5,
  rps: 212.04,
  eps: 3,
  queueMs: 1.5,
  models: new Map([
    ['digits', 0.3],
    ['a,b=c d', 0.1],
  ]),
};
const FIELDS = { application_utilization: 0.4124, cpu_utilization: 0.5, rps_fractional: 212, eps: 3 };
const NAMED = { queue_ms: 1.5, 'model.digits': 0.3, 'model.a_b_c_d': 0.1 };

test('every form says the same', () => {
  const report = new LoadReport(FIGURES, true);
  const schema = protoRegistry.getMessage('xds.data.orca.v3.OrcaLoadReport')!;
  const [name, base64] = report.header('bin');
  assert.equal(name, 'endpoint-load-metrics-bin');
  assert.deepEqual(Buffer.from(base64, 'base64'), Buffer.from(report.bytes));
  const { $typeName, $unknown, ...message } = fromBinary(schema, report.bytes) as unknown as Record<string, unknown>;
  assert.equal($unknown, undefined);
  assert.deepEqual(message, {
    ...{ applicationUtilization: 0.4124, cpuUtilization: 0.5, rpsFractional: 212, eps: 3, namedMetrics: NAMED },
    ...{ memUtilization: 0, rps: 0n, requestCost: {}, utilization: {} },
  });
  const [jsonName, json] = report.header('json');
  assert.equal(jsonName, 'endpoint-load-metrics');
  assert.deepEqual(JSON.parse(/^JSON (.+)$/.exec(json)![1]!), { ...FIELDS, named_metrics: NAMED });
  const [textName, text] = report.header('text');
  assert.equal(textName, 'endpoint-load-metrics');
  const pairs = /^TEXT (.+)$/
    .exec(text)![1]!
    .split(',')
    .map((pair) => pair.split('='));
  const named = Object.entries(NAMED).map(([key, value]) => [`named_metrics.${key}`, value]);
  assert.deepEqual(Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])), {
    ...FIELDS,
    ...Object.fromEntries(named),
  });
});

test('who may not know which models there are is told none', () => {
  const [, text] = new LoadReport(FIGURES, false).header('text');
  assert.match(text, /named_metrics\.queue_ms/);
  assert.doesNotMatch(text, /model/);
});

test('a form is asked for in any case; others are none', () => {
  assert.deepEqual(['TEXT', ' json', 'Bin', 'xml', '', undefined].map(loadFormatOf), [
    ...['text', 'json', 'bin'],
    ...[undefined, undefined, undefined],
  ]);
});

test('answers carry a report where it is asked for, or always', () => {
  let figures: LoadFigures | undefined;
  const meter = { figures: () => figures };
  const asked = new LoadReports({ meter, isAlways: false, namesModels: true });
  assert.equal(asked.onHttp('json'), undefined, 'there is nothing to tell yet');
  assert.equal(asked.onCall('bin'), undefined);
  figures = FIGURES;
  assert.equal(asked.onHttp(undefined), undefined);
  assert.equal(asked.onCall(undefined), undefined);
  assert.match(asked.onHttp('json')![1], /^JSON/);
  const report = asked.onCall('bin');
  assert.ok(report !== undefined);
  assert.equal(asked.onCall('bin'), report, 'made once a moment');
  figures = { ...FIGURES, eps: 4 };
  assert.notEqual(asked.onCall('bin'), report);
  const always = new LoadReports({ meter, isAlways: true, namesModels: true });
  assert.match(always.onHttp(undefined)![1], /^TEXT/);
  assert.match(always.onHttp('json')![1], /^JSON/);
  assert.ok(always.onCall(undefined) !== undefined);
});
