import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import protoLoader from '@grpc/proto-loader';
import { pillionTarget } from '../../../../bench/overload/entrant.ts';
import type { ModelRow } from '../../../../bench/overload/rows.ts';
import { batchesBetween } from '../../../../bench/overload/server-metrics.ts';
import { tritonMetrics, tritonTarget } from '../../../../bench/overload/triton.ts';
import { parseWorkload } from '../../../../bench/overload/workload.ts';

const WORKLOAD = parseWorkload({
  name: 'w',
  callerHeader: 'x-tenant',
  models: ['a', 'b'].map((name) => ({ name, file: 'f', latency: { baseMs: 1, perRowMs: 1 } })),
  streams: [
    { model: 'a', caller: 'good', load: 1, objectiveMs: 25, arrivals: { kind: 'poisson' } },
    { model: 'b', load: 1, objectiveMs: 200, arrivals: { kind: 'poisson' } },
  ],
});
const ROWS = new Map<string, ModelRow>([
  ['f', { input: 'x', rowShape: [3], row: Float32Array.of(1, 2, 3), answer: [] }],
]);

const decode = (
  protoLoader.loadSync('grpc_service.proto', { includeDirs: ['proto'], longs: Number })[
    'inference.GRPCInferenceService'
  ] as unknown as Record<string, { requestDeserialize: (bytes: Buffer) => object }>
)['ModelInfer']!.requestDeserialize;

describe('what is sent', () => {
  it('to Triton may wait for as long as its stream’s objective', () => {
    const { path, models, messages } = tritonTarget('h:1', WORKLOAD, ROWS, 8);
    assert.deepEqual([path, models], ['/inference.GRPCInferenceService/ModelInfer', 2]);
    const sent = messages.map((text) => decode(Buffer.from(text, 'base64'))) as {
      modelName: string;
      parameters: { timeout: { int64Param: number } };
      rawInputContents: Buffer[];
    }[];
    assert.deepEqual(
      sent.map(({ modelName, parameters }) => [modelName, parameters.timeout.int64Param]),
      [
        ['a', 25_000],
        ['b', 25_000],
        ['a', 200_000],
        ['b', 200_000],
      ],
    );
    assert.equal(sent[0]!.rawInputContents[0]!.length, 12);
  });

  it('to our own server says who asks', () => {
    const { models, messages, metadata } = pillionTarget('h:1', WORKLOAD, ROWS);
    assert.deepEqual([models, messages.length], [2, 4]);
    assert.deepEqual(metadata, [['x-tenant', 'good'], ['x-tenant', 'good'], null, null]);
    const plain = pillionTarget('h:1', { ...WORKLOAD, callerHeader: undefined }, ROWS);
    assert.deepEqual([plain.models, plain.messages.length, plain.metadata], [undefined, 2, undefined]);
  });
});

describe('Triton’s statistics', () => {
  const at = (runs: number) =>
    tritonMetrics([
      {
        name: 'a',
        inference_count: 10 * runs,
        execution_count: 2 * runs,
        batch_stats: [
          { batch_size: 3, compute_infer: { count: runs } },
          { batch_size: 7, compute_infer: { count: runs } },
        ],
      },
    ]);

  it('are batches and rows as our own server counts them', () => {
    const between = batchesBetween(['a'], at(1), at(4));
    assert.deepEqual(between, {
      ...{ rowsRun: [30], batches: 6, meanBatch: 5, sizes: { 4: 3, 8: 3 }, reasons: {} },
      predictionErrorMs: undefined,
    });
  });
});
