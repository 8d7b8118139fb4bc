/** Detects OpenTelemetry's resource, in the same way as its SDK, and encodes it. */
import { Buffer } from 'node:buffer';
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
import { GrowingWriter } from '../../codec/protobuf/growing-writer.ts';
import { bytesField, message, messageField } from '../../codec/protobuf/wire-writer.ts';
import { SCHEMA_URL } from '../../ledger/tracing/schema-url.ts';
import { AttributeKey } from '../../ledger/tracing/span-output.ts';
import { type AnyValue, writeKeyValue } from './key-value.ts';

const RESOURCE_ATTRIBUTES = 0x0a;
/** `schema_url`, which has the same number in the messages of resources and of scopes. */
const SCHEMA_FIELD = bytesField(3, SCHEMA_URL);

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
    resourceFromAttributes(
      { 'service.name': DEFAULT_SERVICE_NAME, 'service.version': version },
      { schemaUrl: SCHEMA_URL },
    ),
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

/** Encodes the fields of ResourceSpans and ResourceLogs but for what is in their scopes. */
export function resourceFields({ attributes }: Resource): Uint8Array {
  const writer = new GrowingWriter(1024);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue;
    writeKeyValue(writer, RESOURCE_ATTRIBUTES, new AttributeKey(name), value as AnyValue);
  }
  return Buffer.concat([messageField(1, writer.buffer.subarray(0, writer.position)), SCHEMA_FIELD]);
}

/** Encodes the fields of ScopeSpans and ScopeLogs but for the spans and the records. */
export function scopeFields(version: string): Uint8Array {
  return Buffer.concat([messageField(1, message(bytesField(1, SCOPE_NAME), bytesField(2, version))), SCHEMA_FIELD]);
}
