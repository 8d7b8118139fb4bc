/**
 * Metrics of the application's traffic. Labels are of closed sets: no path, no host, and no method that a client could
 * make up. Those of gRPC are bounded (GrpcMethods).
 */

import type { Instant } from '../../../core/clock.ts';
import { grpcStatusName } from '../../../core/errors.ts';
import { DURATIONS } from '../../../ledger/metrics/buckets.ts';
import type { Registry } from '../../../ledger/metrics/registry.ts';
import {
  type CounterSeries,
  counterFamily,
  GaugeFamily,
  histogramFamily,
  type Labels,
  type Reading,
} from '../../../ledger/metrics/series.ts';
import { methodClass } from '../../../ledger/tracing/http-methods.ts';
import type { FrontedRecord } from './fronted-record.ts';

/** '2xx'; 'none' where the client got no answer. */
export function statusClass(status: number): string {
  return status < 100 || status > 599 ? 'none' : `${Math.trunc(status / 100)}xx`;
}

/** Read at scrape time. */
export interface FrontedNow {
  readonly inFlight: number;
  /** Open connections to an application, counted from 0. */
  connections(app: number): number;
}

/** The labels of one application among two: `app`; none where there is one. */
export type AppLabels = Readonly<Record<string, string>>;

/** Counts requests for the application, and what is open to it. */
export class FrontedMetrics {
  readonly #requests = counterFamily(
    'pillion_app_requests_total',
    'Requests that went to the application, or were refused in its place.',
  );
  readonly #whole = histogramFamily(
    'pillion_app_request_duration_seconds',
    'Time from the head of a request for the application to the end of its answer, or of its tunnel.',
    DURATIONS,
  );
  readonly #head = histogramFamily(
    'pillion_app_head_duration_seconds',
    'Time from the head of a request for the application to the head of the application’s answer.',
    DURATIONS,
  );
  readonly #bytes = counterFamily(
    'pillion_app_body_bytes_total',
    'Bytes of bodies of requests to the application and of its answers, and of its tunnels.',
  );
  readonly #connects = counterFamily(
    'pillion_app_connects_total',
    'New connections to the application: ok = it took it, failed = it did not.',
  );
  readonly #tried: readonly Readonly<Record<'ok' | 'failed', CounterSeries>>[];

  /** Registers its families. `apps`: the applications that are told apart. */
  constructor(registry: Registry, now: FrontedNow, apps: readonly AppLabels[] = [{}]) {
    for (const family of [this.#requests, this.#bytes, this.#connects]) registry.register(family);
    for (const family of [this.#whole, this.#head]) registry.register(family);
    const gauge = (name: string, help: string, read: () => readonly Reading[]): void =>
      registry.register(new GaugeFamily(name, help, read));
    gauge('pillion_app_requests_in_flight', 'Requests of the application that have not ended.', () => [
      { labels: {}, value: now.inFlight },
    ]);
    gauge('pillion_app_connections', 'Open connections to the application, idle ones too.', () =>
      apps.map((labels, app) => ({ labels, value: now.connections(app) })),
    );
    this.#tried = apps.map((labels) => ({
      ok: this.#connects.open({ ...labels, outcome: 'ok' }),
      failed: this.#connects.open({ ...labels, outcome: 'failed' }),
    }));
  }

  recordConnect(isMade: boolean, app = 0): void {
    this.#tried[app]![isMade ? 'ok' : 'failed'].add(1);
  }

  /** `traceId`: the id of its trace if its spans are exported. */
  record(record: FrontedRecord, traceId: string | undefined): void {
    const { route, receivedAt, headAt, endedAt } = record;
    const status = statusClass(record.status);
    this.#requests.open(labelsOf(record, status)).add(1);
    const whole = this.#whole.open({ route, status });
    whole.observe(seconds(receivedAt, endedAt), traceId, endedAt);
    const head = this.#head.open({ route, status });
    if (headAt !== 0) head.observe(seconds(receivedAt, headAt), traceId, endedAt);
    this.#bytes.open({ route, direction: 'request' }).add(record.requestBytes);
    this.#bytes.open({ route, direction: 'response' }).add(record.responseBytes);
  }
}

/** A call's method is gRPC's: that of HTTP is always POST. */
function labelsOf({ route, arrival, outcome, rpcMethod, grpcStatus }: FrontedRecord, status: string): Labels {
  if (rpcMethod === undefined || grpcStatus === undefined) {
    return { route, method: methodClass(arrival.method), status, outcome };
  }
  return { route, method: rpcMethod, status, outcome, grpc_status: grpcStatusName(grpcStatus) };
}

function seconds(from: Instant, to: Instant): number {
  return (to - from) / 1000;
}
