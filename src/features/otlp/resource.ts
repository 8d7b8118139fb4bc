/** Detects OpenTelemetry's resource, in the same way as its SDK. */
import { diag } from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  processDetector,
  type Resource,
  type ResourceDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';

/** Name of the instrumentation scope. */
export const SCOPE_NAME = 'pillion';

/** `service.name` if neither OTEL_SERVICE_NAME nor OTEL_RESOURCE_ATTRIBUTES gives one. */
const DEFAULT_SERVICE_NAME = 'pillion';

/** The detectors of the Node SDK if OTEL_NODE_RESOURCE_DETECTORS is not set. */
const DEFAULT_DETECTORS: readonly ResourceDetector[] = [envDetector, processDetector, hostDetector];
const DETECTORS: Readonly<Record<string, ResourceDetector>> = {
  env: envDetector,
  host: hostDetector,
  os: osDetector,
  process: processDetector,
  serviceinstance: serviceInstanceIdDetector,
};

/** The resource without detected attributes. */
export function ownResource(version: string): Resource {
  return defaultResource().merge(
    resourceFromAttributes({ 'service.name': DEFAULT_SERVICE_NAME, 'service.version': version }),
  );
}

/** `ownResource` and the attributes of the detectors in OTEL_NODE_RESOURCE_DETECTORS; waits for asynchronous ones. */
export async function detectedResource(version: string, detectors: string | undefined): Promise<Resource> {
  const resource = ownResource(version).merge(detectResources({ detectors: detectorsOf(detectors) }));
  await resource.waitForAsyncAttributes?.();
  return resource;
}

function detectorsOf(list: string | undefined): ResourceDetector[] {
  const names = (list ?? '').split(',').map((name) => name.trim());
  const wanted = names.filter((name) => name !== '');
  if (wanted.length === 0) return [...DEFAULT_DETECTORS];
  if (wanted.includes('all')) return Object.values(DETECTORS);
  const unknown = wanted.filter((name) => name !== 'none' && DETECTORS[name] === undefined);
  if (unknown.length > 0) diag.warn(`OTEL_NODE_RESOURCE_DETECTORS: there is no detector ${unknown.join(', ')}`);
  return wanted.flatMap((name) => DETECTORS[name] ?? []);
}
