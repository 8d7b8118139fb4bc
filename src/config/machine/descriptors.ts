/**
 * File descriptors, and how many of them connections may take. The rest belongs to models, logs, threads and child
 * processes: a process without any left can neither load a model nor answer a health check.
 *
 *   ├─ reserved ─┼─ admin ─┼─ probes ─┼─────── gRPC ───────┼─────── REST ───────┤ RLIMIT_NOFILE
 *   ├─ reserved ─┼─ admin ─┼─ probes ─┼─── gRPC ───┼─── REST ───┼─ application ─┤ with an application behind this server
 */
import { readFileSync } from 'node:fs';

/** Most connections of each surface. */
export interface ConnectionCaps {
  readonly grpc: number;
  readonly rest: number;
  readonly admin: number;
  /** --probe_port and --metrics_port together. */
  readonly probes: number;
  /** Connections to the application; 0 without one. */
  readonly app: number;
}

/** More connections than that need memory and time of their own: to be asked for. */
const USUAL_MAX = 10_000;
const ADMIN_MAX = 256;
const PROBES_MAX = 64;
/** A server with some models has 30 to 60 open; each process of a model takes five more, each thread eight. */
const MIN_RESERVED = 128;
const MAX_RESERVED = 2048;
/** Shares of the connections' descriptors. These few are reserved, so that probes are answered. */
const ADMIN_SHARE = 1 / 8;
const PROBES_SHARE = 1 / 16;

/** How many descriptors this process may have open; Infinity if it has no limit, or the system does not say. */
export function readDescriptorLimit(path = '/proc/self/limits'): number {
  let limits: string;
  try {
    limits = readFileSync(path, 'utf8');
  } catch {
    return Infinity;
  }
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}

/**
 * @param limit of descriptors
 * @param asked the most connections of gRPC and of REST; 0 = as many as descriptors allow, up to USUAL_MAX
 * @param hasApp connections are made to an application, too
 * @param endingShare connections that are being closed, as a share of a cap, beyond it
 */
export function connectionCaps(limit: number, asked: number, hasApp: boolean, endingShare: number): ConnectionCaps {
  const reserved = Math.min(MAX_RESERVED, Math.max(MIN_RESERVED, Math.ceil(limit / 4)));
  const room = Math.max(0, limit - reserved);
  const capOf = (share: number, most: number): number =>
    Math.max(1, Math.min(most, Math.floor((room * share) / (1 + endingShare)) - 1));
  const most = asked === 0 ? USUAL_MAX : asked;
  const share = (1 - ADMIN_SHARE - PROBES_SHARE) / (hasApp ? 3 : 2);
  const each = capOf(share, most);
  return {
    ...{ grpc: each, rest: each },
    admin: capOf(ADMIN_SHARE, ADMIN_MAX),
    probes: capOf(PROBES_SHARE, PROBES_MAX),
    app: hasApp ? capOf(share, Math.max(USUAL_MAX, most)) : 0,
  };
}
