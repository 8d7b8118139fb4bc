/** Limits of connections at each surface: caps that follow the process's file descriptors, and idle timeouts. */
import { type ConnectionCaps, connectionCaps, readDescriptorLimit } from '../../config/machine/descriptors.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { peerAt } from '../../proxy/caller.ts';
import { ConnectionGate, ENDING_SHARE } from '../../proxy/net/connection-gate.ts';
import { DescriptorWatch } from './descriptor-watch.ts';

/** Watches the descriptors that connections share with everything else. */
export function createDescriptorWatch(gates: Gates, logger: Logger): DescriptorWatch {
  return new DescriptorWatch({
    clock: systemClock,
    gates: Object.values(gates) as ConnectionGate[],
    onNoneLeft: () =>
      logger.error(
        { event: 'no_descriptors' },
        'no file descriptors are left: idle connections are ended; raise the limit of open files (ulimit -n)',
      ),
  });
}

export interface Gates {
  readonly grpc: ConnectionGate;
  readonly rest: ConnectionGate;
  readonly admin: ConnectionGate;
  readonly probes: ConnectionGate;
}

/** How many connections of each kind file descriptors allow. */
export function capsOf({ max_connections }: ServeOptions, hasFront: boolean): ConnectionCaps {
  return connectionCaps(readDescriptorLimit(), max_connections, hasFront, ENDING_SHARE);
}

export function createGates(options: ServeOptions, caps: ConnectionCaps, metrics: Metrics, logger: Logger): Gates {
  const { max_connections, max_connections_per_peer, idle_connection_timeout_s } = options;
  if (max_connections > caps.grpc) {
    const fix = 'raise the limit of open files (ulimit -n)';
    logger.warn({ event: 'connection_cap', ...caps }, `file descriptors allow fewer than max_connections: ${fix}`);
  }
  const gate = (surface: keyof Gates): ConnectionGate => {
    const maxConnections = caps[surface];
    return new ConnectionGate({
      clock: systemClock,
      maxConnections,
      maxPerPeer: max_connections_per_peer || Math.ceil(maxConnections / 2),
      idleMs: idle_connection_timeout_s * 1000,
      peerOf: peerAt,
      onEnded: (reason) => metrics.recordConnectionEnd(surface, reason),
      onCrowded: ({ refused, ended, open }) =>
        logger.warn(
          { event: 'crowded', surface, refused, ended, open, max: maxConnections },
          'as many connections as allowed: idle ones were ended for new ones, or new ones refused',
        ),
    });
  };
  const gates = { grpc: gate('grpc'), rest: gate('rest'), admin: gate('admin'), probes: gate('probes') };
  metrics.gauges.observeConnections(() =>
    Object.entries(gates).map(([surface, each]) => ({ surface, open: each.open, most: caps[surface as keyof Gates] })),
  );
  return gates;
}
