/** Starts the SDK in place of the exporter of OTLP as protobuf, if the environment asks for what only the SDK has. */
import type { Installation } from '../../kernel/installation.ts';
import { TRACING } from '../otlp/otlp-tracing.ts';

export function installSdkExporters({ facts }: Installation): void {
  facts.get(TRACING)?.exportBy(async (options) => (await import('./otel-sdk.ts')).startSdk(options));
}
