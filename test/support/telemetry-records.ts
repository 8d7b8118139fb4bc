/**
 * Records of requests and batches that never were, for tests of what is made of them.
 */
import type { BatchRecord, RequestRecord } from '../../src/ledger/request-record.ts';
import {
  STAGE_ADMIT,
  STAGE_BATCH,
  STAGE_DECODE,
  STAGE_ENCODE,
  STAGE_EXECUTE,
  STAGE_QUEUE,
  STAGE_SPLIT,
  StageClock,
} from '../../src/ledger/stage-clock.ts';
import type { TraceContext } from '../../src/ledger/tracing/trace-context.ts';

/** Ids of a caller's span, as in the examples of the W3C standard. */
export const CALLER_TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
export const CALLER_SPAN_ID = '00f067aa0ba902b7';

/** The request went through every stage from 100 ms on; stage i lasted i + 1 ms, so that all 8 make 36 ms. */
export function fullStages(): StageClock {
  const stages = new StageClock(100);
  stages.enter(STAGE_DECODE, 101);
  stages.enter(STAGE_ADMIT, 103);
  stages.enter(STAGE_QUEUE, 106);
  stages.enter(STAGE_BATCH, 110);
  stages.enter(STAGE_EXECUTE, 115);
  stages.enter(STAGE_SPLIT, 121);
  stages.enter(STAGE_ENCODE, 128);
  stages.finish(136);
  return stages;
}

/** A sampled context whose ids are `digit` repeated. */
export function traceOf(digit: string, parentSpanId?: string): TraceContext {
  return {
    traceId: digit.repeat(32),
    spanId: digit.repeat(16),
    parentSpanId,
    isSampled: true,
    traceState: undefined,
  };
}

/** A Predict that went well, changed as wanted. */
export function requestRecord(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    surface: 'grpc',
    method: 'Predict',
    id: 'request-1',
    callerId: 'request-1',
    sequence: 1,
    peer: '10.1.2.3:50123',
    trace: undefined,
    stages: fullStages(),
    deadline: 1100,
    model: 'digits',
    version: '3',
    signatureName: 'serving_default',
    rows: 2,
    requestBytes: 640,
    responseBytes: 80,
    outcome: 'ok',
    error: undefined,
    batch: undefined,
    ...changes,
  };
}

/** A batch of two requests with 5 rows, padded to 8, changed as wanted. */
export function batchRecord(changes: Partial<BatchRecord> = {}): BatchRecord {
  return {
    model: 'digits',
    version: '3',
    signatureName: 'serving_default',
    tasks: 2,
    rows: 5,
    size: 8,
    threads: 1,
    reason: 'slot_free',
    batchStart: 110,
    executeStart: 115,
    splitStart: 121,
    end: 122,
    runStart: 116,
    runEnd: 120,
    outcome: 'ok',
    members: [],
    trace: undefined,
    memberIds: undefined,
    ...changes,
  };
}
