/**
 * Variables that a kubelet sets in a pod for each Service of its namespace, unless the pod's spec has
 * `enableServiceLinks: false`. Of a Service `pillion-rest-api` they are
 *
 *   PILLION_REST_API_SERVICE_HOST=10.0.0.1   PILLION_REST_API_PORT=tcp://10.0.0.1:80   PILLION_REST_API_PORT_80_TCP=…
 *
 * One of them has an option's name, and none is meant as an option.
 */
import type { OptionLayer } from './read-options.ts';

/** Docker's links, which Kubernetes took over, have it in NAME_PORT. No option has such a value. */
const ADDRESS = /^(?:tcp|udp|sctp):\/\/(?:\[[0-9a-fA-F:.]+\]|[^/:]+):\d+$/;

/** The layer of the environment without those variables. `ignored` gets each that has an option's name. */
export function withoutServiceLinks(layer: OptionLayer, ignored: Set<string>): OptionLayer {
  return (name) => {
    const given = layer(name);
    if (given === undefined || (!name.endsWith('_port') && name !== 'port')) return given;
    if (!given.texts.every((text) => ADDRESS.test(text))) return given;
    ignored.add(`${given.origin.place}=${given.texts.join()}`);
    return undefined;
  };
}

/** One line of the log for all of them; none without any. */
export function serviceLinkWarnings(ignored: ReadonlySet<string>): readonly string[] {
  if (ignored.size === 0) return [];
  return [
    `ignored, because a kubelet sets such variables for the Services of a namespace: ${[...ignored].join(', ')}; enableServiceLinks: false in the pod’s spec leaves them out`,
  ];
}
