/**
 * The cost of measuring one request, when nothing of it is sampled: the clock read at each of its stages, and the
 * record's way into metrics and log. It may cost no more than a microsecond.
 */
import assert from 'node:assert/strict';
import { Histogram, Registry } from 'prom-client';
import { systemClock } from '../../src/core/clock.ts';
import { Facts } from '../../src/core/collections/facts.ts';
import type { Feature } from '../../src/kernel/feature.ts';
import type { Installation } from '../../src/kernel/installation.ts';
import { ModelSeams } from '../../src/kernel/model-seams.ts';
import { createLogger } from '../../src/ledger/log/log.ts';
import { DURATION_BUCKETS } from '../../src/ledger/metrics/buckets.ts';
import { STAGE_ENCODE } from '../../src/ledger/stage-clock.ts';
import { type AppTelemetry, createTelemetry } from '../../src/ledger/telemetry.ts';
import { samplerFromEnv } from '../../src/ledger/tracing/sampler.ts';
import { Sampling } from '../../src/ledger/tracing/sampling.ts';
import type { Tracing } from '../../src/ledger/tracing/tracing.ts';
import { FEATURES } from '../../src/pillion.ts';
import { RequestContext } from '../../src/proxy/request-context.ts';
import { configOf } from '../../test/support/config-files.ts';
import { runSubject } from './interleave.ts';

const LIMIT_MICROS = 1;
const logger = createLogger({ level: 'info', clock: systemClock, destination: { write: () => undefined } });

/** Tracing with an exporter and a sampler that wants nothing, as `OTEL_TRACES_SAMPLER=always_off` has it. */
const unsampled: Tracing = {
  sampling: new Sampling(samplerFromEnv({ OTEL_TRACES_SAMPLER: 'always_off' })),
  makeRequestSpans: ({ trace }) => assert.ok(trace?.isSampled === false),
  makeBatchSpans: () => undefined,
  makeSpans: () => undefined,
};

/** Features of a default server that look at each request. */
const WATCHING = ['tail-keep', 'flight-recorder'];

async function telemetryWith(tracing: Tracing | undefined, isForgetful = false): Promise<AppTelemetry> {
  const telemetry = createTelemetry({ clock: systemClock, logger });
  if (tracing !== undefined) telemetry.traceBy(tracing);
  if (isForgetful) return telemetry;
  const server: Partial<Installation> = {
    ...{ config: configOf(['--model=m=/models/m']), clock: systemClock, logger, telemetry },
    ...{ facts: new Facts(), models: new ModelSeams(FEATURES), adminPaths: () => undefined, service: () => undefined },
  };
  const features: readonly Feature[] = FEATURES.features.filter(({ name }) => WATCHING.includes(name));
  for (const feature of features) await feature.install?.(server as Installation);
  return telemetry;
}

/**
 * One request, begun, stamped and recorded. Its context is part of the price: without telemetry there would be none.
 */
function record(telemetry: AppTelemetry): RequestContext {
  const context = new RequestContext({
    clock: systemClock,
    arrival: {
      surface: 'grpc',
      method: 'Predict',
      receivedAt: systemClock.nowMs(),
      timeoutMs: undefined,
      requestId: '1',
      caller: 'bench',
      peer: '127.0.0.1:50123',
      callerTrace: undefined,
    },
    deadline: Number.POSITIVE_INFINITY,
    sequence: 1,
    trace: telemetry.startTrace(undefined),
  });
  context.model = 'mlp_small';
  context.version = '1';
  context.rows = 1;
  context.signatureName = 'serving_default';
  for (let stage = 1; stage <= STAGE_ENCODE; stage++) context.stages.enter(stage, context.now());
  context.stages.finish(context.now());
  telemetry.recordRequest(context);
  return context;
}

const plain = await telemetryWith(undefined);
const traced = await telemetryWith(unsampled);
const forgetful = await telemetryWith(undefined, true);
const histogram = new Histogram({
  name: 'request_duration_seconds',
  help: 'For comparison.',
  labelNames: ['surface', 'method', 'model', 'version', 'outcome'],
  buckets: [...DURATION_BUCKETS],
  registers: [new Registry()],
});
const labels = { surface: 'grpc', method: 'Predict', model: 'mlp_small', version: '1', outcome: 'ok' };
let seconds = 0;

const OURS = 'Pillion, without an exporter';
const figures = await runSubject([
  {
    title: 'a request through all stages',
    contestants: {
      [OURS]: () => record(plain),
      'Pillion, with one, not sampled': () => record(traced),
      'Pillion, without an exporter and the flight recorder': () => record(forgetful),
      "prom-client: one histogram's labelled observe": () => {
        seconds = (seconds + 0.0001) % 0.1;
        histogram.observe(labels, seconds);
      },
    },
  },
]);
const stages = (await plain.metrics.snapshots()).find(({ name }) => name === 'pillion_stage_duration_seconds');
assert.ok(stages!.values.some(({ labels, value }) => labels['stage'] === 'encode' && value > 0));
const { cpuMicros } = figures.find(({ contestant }) => contestant === OURS)!;
console.log(
  `  of the ${LIMIT_MICROS} µs that it may cost: ${cpuMicros} µs${cpuMicros > LIMIT_MICROS ? ', too much' : ''}`,
);
