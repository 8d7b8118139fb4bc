/**
 * Latency away from saturation: each surface at half of the requests a second that it has just answered as fast as it
 * could, and how long its event loop stood still meanwhile.
 */

import { DEFAULT_METRICS_PATH } from '../../src/core/metrics-path.ts';
import { pacedLoad } from '../support/load-generators.ts';

/**
 * The resolution of Node's delay monitor, which records this much if nothing is late (src/features/prometheus/process-families.ts).
 */
const MONITOR_MS = 20;

export interface HalfLoad {
  readonly surface: 'REST' | 'gRPC';
  readonly url: string;
  /** The origin of the server's REST surface. */
  readonly metricsOrigin: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second that it answers as fast as it can. */
  readonly capacity: number;
}

export interface HalfResult {
  readonly surface: 'REST' | 'gRPC';
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Longest that the event loop was late, beyond its monitor's own interval. */
  readonly stallMs: number;
}

export async function measureHalf(load: HalfLoad): Promise<HalfResult> {
  const { surface, url, metricsOrigin, body, connections, seconds, capacity } = load;
  // A reading begins the next one.
  await longestDelayMs(metricsOrigin);
  const result = await pacedLoad({
    protocol: surface === 'gRPC' ? 'gRPC' : 'HTTP/1.1',
    url,
    body,
    connections,
    seconds,
    requestsPerSecond: capacity / 2,
  });
  const stallMs = Math.max(0, (await longestDelayMs(metricsOrigin)) - MONITOR_MS);
  const { requestsPerSecond, p50Ms, p99Ms } = result;
  return { surface, connections, requestsPerSecond, p50Ms, p99Ms, stallMs: Number(stallMs.toFixed(2)) };
}

async function longestDelayMs(origin: string): Promise<number> {
  const text = await (await fetch(origin + DEFAULT_METRICS_PATH)).text();
  const seconds = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error('the server tells no event loop delay');
  return Number(seconds) * 1000;
}
