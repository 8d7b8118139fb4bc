/**
 * The pod that the server runs in, where its environment says so. A host's name is no proof: a pod may have another one,
 * and with hostNetwork it is the node's.
 *
 *   POD_NAME, POD_NAMESPACE      by the downward API, as a manifest passes them
 *   OTEL_RESOURCE_ATTRIBUTES     k8s.pod.name, k8s.namespace.name, as OpenTelemetry's operator writes them
 */
import type { Environment } from '../../kernel/installation.ts';

export interface PodNames {
  readonly pod?: string;
  readonly namespace?: string;
}

export function podNames(environment: Environment): PodNames {
  const attributes = resourceAttributes(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '');
  const pod = environment['POD_NAME'] || attributes.get('k8s.pod.name');
  const namespace = environment['POD_NAMESPACE'] || attributes.get('k8s.namespace.name');
  return { ...(pod && { pod }), ...(pod && namespace && { namespace }) };
}

/** `key=value` with commas between; values are percent-encoded. One that cannot be read is left out. */
function resourceAttributes(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const pair of text.split(',')) {
    const [key = '', value = ''] = pair.split('=', 2);
    try {
      found.set(key.trim(), decodeURIComponent(value.trim()));
    } catch {
      // OpenTelemetry's SDK warns of it.
    }
  }
  return found;
}
