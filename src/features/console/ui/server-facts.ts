/** Facts about the server for the frame of each page, in words. Pure. */
import type { About } from './about.ts';
import { ago } from './format.ts';

/** The name by which people know this server among others. */
export function nameOf({ pod, host }: About): string {
  return pod ?? host;
}

/** `nowMs`: the server's time, in ms since 1970; undefined: it is not known. */
export function serverFacts(server: About, nowMs: number | undefined): readonly string[] {
  const { host, version, node, started_at_ms: startedAt, slots, scheduler } = server;
  return [
    ...podFacts(server),
    `host ${host}`,
    `Pillion ${version}`,
    `${nowMs === undefined ? '' : `up ${ago(nowMs - startedAt)}, `}since ${when(startedAt)}`,
    ...startFacts(server),
    `Node ${node}`,
    ...addressesOf(server),
    `${slots} ${slots === 1 ? 'slot' : 'slots'}, scheduler ${scheduler}`,
  ];
}

function podFacts({ pod, namespace }: About): readonly string[] {
  if (pod === undefined) return [];
  return [namespace === undefined ? `pod ${pod}` : `pod ${pod} in ${namespace}`];
}

/** Nothing is said where nobody counts. */
function startFacts({ starts, since_ms: since }: About): readonly string[] {
  if (starts === undefined || since === undefined) return [];
  if (starts === 1) return ['no restart with this --state_dir'];
  return [`${starts - 1} ${starts === 2 ? 'restart' : 'restarts'} with this --state_dir since ${when(since)}`];
}

/** The addresses of each surface; one line if both have the same. */
function addressesOf({ grpc, rest }: About): readonly string[] {
  const [ofGrpc, ofRest] = [grpc?.join(', '), rest?.join(', ')];
  if (ofGrpc !== undefined && ofGrpc === ofRest) return [`gRPC and REST ${ofGrpc}`];
  return [...(ofGrpc === undefined ? [] : [`gRPC ${ofGrpc}`]), ...(ofRest === undefined ? [] : [`REST ${ofRest}`])];
}

function when(ms: number): string {
  return new Date(ms).toLocaleString();
}
