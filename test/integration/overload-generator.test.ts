/** The overload benchmark's load generator, as the process that it is, against the real sidecar. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { firstCallsOf } from '../../bench/overload/client/connection-pool.ts';
import { type Figures, figuresOf } from '../../bench/overload/figures.ts';
import {
  generateClosed,
  generateOpen,
  type JobTarget,
  type OpenResult,
} from '../../bench/overload/generator-process.ts';
import { planRequests } from '../../bench/overload/request-plan.ts';
import { type ModelRow, PREDICT_PATH, predictMessage, requireAnswer, rowOf } from '../../bench/overload/rows.ts';
import { batchesBetween, readMetrics } from '../../bench/overload/server-metrics.ts';
import { parseWorkload, type Workload } from '../../bench/overload/workload.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const DIRECTORY = 'examples/half_plus_two/models/half_plus_two';
const MODELS = [`--model=a=${DIRECTORY}`, `--model=b=${DIRECTORY}`];
let row: ModelRow;
let sidecar: Sidecar;

before(async () => {
  row = await rowOf(`${DIRECTORY}/1/model.onnx`);
});
after(killSidecars);

function targetOf({ grpc }: Sidecar): JobTarget {
  const messages = ['a', 'b'].map((model) => predictMessage(model, row));
  return { address: grpc, path: PREDICT_PATH, messages, connections: 2 };
}

function workloadOf(stream: object): Workload {
  return parseWorkload({
    name: 'w',
    models: ['a', 'b'].map((name) => ({ name, file: 'f', latency: { baseMs: 0.01, perRowMs: 0.001 } })),
    streams: ['a', 'b'].map((model) => ({
      model,
      load: 1,
      // The most that there is: a machine that stalls does not make an answer late.
      objectiveMs: 9000,
      arrivals: { kind: 'poisson' },
      ...stream,
    })),
  });
}

async function play(workload: Workload, perSecond: number, seconds: number): Promise<[OpenResult, Figures]> {
  const plan = { capacities: [perSecond, perSecond], seconds, leadInMs: 50, seed: 1 };
  const result = await generateOpen({ target: targetOf(sidecar), workload, plan });
  return [result, figuresOf(workload, planRequests(workload, plan), result.outcomes)];
}

describe('the load generator and the sidecar', () => {
  afterEach(() => sidecar.stop());

  it('agree on every answer of two models', async () => {
    sidecar = await startSidecar(MODELS);
    for (const model of ['a', 'b']) await requireAnswer(sidecar.rest, model, row);
    const earlier = await readMetrics(sidecar.rest);
    const [result, figures] = await play(workloadOf({}), 500, 0.4);
    const { rowsRun } = batchesBetween(
      ['a', 'b'],
      earlier,
      await readMetrics(sidecar.rest),
      firstCallsOf(targetOf(sidecar)),
    );
    assert.deepEqual([figures.attainment, result.misshapen, figures.lost], [1, 0, 0]);
    assert.equal(
      rowsRun.reduce((sum, rows) => sum + rows, 0),
      result.outcomes.kind.length,
    );
  });

  it('agree on what was refused', async () => {
    sidecar = await startSidecar([...MODELS, '--host=thread', '--max_batch_size=1', '--max_enqueued_batches=1']);
    const [, figures] = await play(
      workloadOf({ arrivals: { kind: 'bursts', factor: 50, onMs: 1, offMs: 49 } }),
      2000,
      0.4,
    );
    assert.ok(figures.refused > 0, JSON.stringify(figures));
    assert.equal(figures.inTime + figures.refused, figures.offered);
    const { rest } = sidecar;
    const text = await (await fetch(`${rest}/monitoring/prometheus/metrics`)).text();
    assert.ok(
      Number(/pillion_refusals_total\{kind="overloaded",surface="grpc"\} (\d+)/.exec(text)![1]) >= figures.refused,
    );
  });

  it('agree on what was taken back, and the connections outlive it', async () => {
    sidecar = await startSidecar([...MODELS, '--batch_timeout_micros=400000', '--max_batch_size=64']);
    const [, figures] = await play(workloadOf({ cancelShare: 1, objectiveMs: 100 }), 500, 0.3);
    assert.ok(figures.cancelled > 100, JSON.stringify(figures));
    assert.deepEqual([figures.failed, figures.lost], [0, 0]);
    const text = await (await fetch(`${sidecar.rest}/monitoring/prometheus/metrics`)).text();
    assert.match(text, /pillion_refusals_total\{kind="cancelled",surface="grpc"\} \d\d/);
  });

  it('agree on what expired', async () => {
    // All wait for company beyond their deadline. A scheduler that predicts would refuse some of them before, or run them.
    const waits = ['--scheduler=greedy', '--batch_timeout_micros=400000', '--max_batch_size=64'];
    sidecar = await startSidecar([...MODELS, ...waits]);
    const [, figures] = await play(workloadOf({ objectiveMs: 20 }), 200, 0.2);
    // The server counts from when it saw a request: one that it saw late may be answered when its client has given it up.
    assert.equal(figures.expired + figures.late, figures.offered, JSON.stringify(figures));
    assert.ok(figures.expired > 10 * figures.late, JSON.stringify(figures));
    assert.ok(figures.p50Ms >= 20, String(figures.p50Ms));
  });

  it('measure what a closed loop can do', async () => {
    sidecar = await startSidecar(MODELS);
    const loop = { models: [0, 1], zipf: 1, calls: 8, warmUpMs: 100, measureMs: 1500, seed: 1 };
    const { answersPerSecond, failed } = await generateClosed(targetOf(sidecar), loop);
    assert.ok(answersPerSecond > 100);
    assert.equal(failed, 0);
  });
});
