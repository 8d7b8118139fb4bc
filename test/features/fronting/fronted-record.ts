/** Records of fronted requests, as if they had happened. */
import type { ServingError } from '../../../src/core/errors.ts';
import { childContext, type TraceContext } from '../../../src/ledger/tracing/trace-context.ts';
import { parseAppAddress } from '../../../src/proxy/fronting/app/app-address.ts';
import type { GrpcEnd } from '../../../src/proxy/fronting/heads/grpc-answer.ts';
import {
  type FrontedArrival,
  type FrontedOutcome,
  FrontedRecord,
} from '../../../src/proxy/fronting/telemetry/fronted-record.ts';

export const FRONTED_ARRIVAL: FrontedArrival = {
  app: parseAppAddress('http://127.0.0.1:8080'),
  route: 'http',
  method: 'GET',
  target: '/cart?token=hidden',
  protocol: '1.1',
  isTls: false,
  peer: '192.0.2.7:1234',
  callerId: 'mine',
  callerTrace: undefined,
  userAgent: 'curl/8',
  host: 'shop.example:8501',
};

export interface FrontedFacts {
  readonly arrival?: Partial<FrontedArrival>;
  readonly id?: string;
  readonly trace?: TraceContext | undefined;
  /** Undefined = no answer of the application's came. */
  readonly status?: number | undefined;
  readonly outcome?: FrontedOutcome;
  readonly error?: ServingError;
  readonly sends?: number;
  /** The end of the application's answer to a call. */
  readonly grpc?: GrpcEnd;
  readonly rpcMethod?: string;
}

/** Received at 100 ms, sent at 101, its head came at 110, over at 150; 5 bytes came, 7 went. */
export function frontedRecord(facts: FrontedFacts = {}): FrontedRecord {
  const { trace, status, outcome = 'ok', sends = 1 } = facts;
  let now = 100;
  const keeper = { now: () => now, end: () => undefined };
  const ids = { id: facts.id ?? 'mine', trace, sentTrace: trace && childContext(trace) };
  const record = new FrontedRecord({ ...FRONTED_ARRIVAL, ...facts.arrival }, ids, keeper);
  now = 101;
  for (let i = 0; i < sends; i++) record.sent('1.1');
  now = 110;
  if ('status' in facts ? status !== undefined : facts.error === undefined) record.onHead(status ?? 200);
  if (facts.grpc !== undefined) record.onGrpcEnd(facts.grpc);
  record.rpcMethod = facts.rpcMethod;
  record.requestBytes = 5;
  record.responseBytes = 7;
  now = 150;
  record.over(outcome, facts.error);
  return record;
}
