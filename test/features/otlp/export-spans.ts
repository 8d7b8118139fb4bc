/**
 * A process that serves nothing: it starts telemetry from its environment, records two requests that shared a batch, a
 * third that is not sampled and a fourth that is not either and fails, shuts down and ends by itself. On standard
 * output it says what it did, as JSON.
 *
 * For tests of what leaves the process: OpenTelemetry's SDK reads the process's own environment. Our own timers take
 * fifty times as long, so that the bound on shutdown is none for a collector that takes the spans, on a busy machine
 * either. With EXPORT_SPANS_HURRY set they are fifty times as fast instead, so that nobody waits for that bound.
 */

import process from 'node:process';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { Facts } from '../../../src/core/collections/facts.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { Installation } from '../../../src/kernel/installation.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { createTelemetry } from '../../../src/ledger/telemetry.ts';
import { callerTrace } from '../../../src/ledger/tracing/propagation.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { configOf } from '../../support/config-files.ts';
import { batchRecord, CALLER_SPAN_ID, CALLER_TRACE_ID, requestRecord } from '../../support/telemetry-records.ts';

const pace = process.env['EXPORT_SPANS_HURRY'] === undefined ? 50 : 1 / 50;
const clock: Clock = {
  ...systemClock,
  setTimer(at, fire) {
    const now = systemClock.nowMs();
    return systemClock.setTimer(now + (at - now) * pace, fire);
  },
};

const logger = createLogger({ level: 'warn', clock });
const telemetry = createTelemetry({ clock, logger });
const facts = new Facts();
const config = configOf(['--model=m=/models/m']);
const surface = (): void => undefined;
const server = { environment: process.env, config, clock, logger, telemetry, facts, surface } as Partial<Installation>;
// Requests that failed are kept by a feature, and OTLP as JSON belongs to another.
for (const feature of FEATURES.features) {
  if (['tail-keep', 'otlp', 'sdk-exporters'].includes(feature.name)) await feature.install?.(server as Installation);
}
await telemetry.start();

const first = telemetry.startTrace(callerTrace(`00-${CALLER_TRACE_ID}-${CALLER_SPAN_ID}-01`, 'v=1', undefined));
const second = telemetry.startTrace(undefined);
const unsampled = telemetry.startTrace(callerTrace(`00-${'e'.repeat(32)}-${CALLER_SPAN_ID}-00`, undefined, undefined));

if (first !== undefined && second !== undefined) {
  const batch = batchRecord({ members: [first, second], trace: telemetry.startBatchTrace(first) });
  telemetry.recordBatch(batch);
  for (const trace of [first, second]) telemetry.recordRequest(requestRecord({ trace, batch }));
}
telemetry.recordRequest(requestRecord({ trace: unsampled }));
const failed = telemetry.startTrace(callerTrace(`00-${'f'.repeat(32)}-${CALLER_SPAN_ID}-00`, undefined, undefined));
const batch = batchRecord();
telemetry.recordBatch(batch);
const error = new ServingError('overloaded', 'the queue is full');
telemetry.recordRequest(requestRecord({ trace: failed, batch, outcome: 'overloaded', error }));

await telemetry.close();
await telemetry.close();
process.stdout.write(JSON.stringify({ isTracing: telemetry.sampling !== undefined, first, second, failed }));
