/** Traces in other formats than W3C's, where OTEL_PROPAGATORS names them (docs/reference/observability.md). */
import type { Feature } from '../../kernel/feature.ts';

/** The default of OpenTelemetry, which the kernel reads by itself. */
const DEFAULT: ReadonlySet<string> = new Set(['tracecontext', 'baggage']);

export const propagation = {
  name: 'propagation',
  install: async ({ environment, telemetry }) => {
    const list = (environment['OTEL_PROPAGATORS'] ?? '').split(',').map((name) => name.trim());
    const names = new Set(list.filter((name) => name !== ''));
    const isDefault = names.size === DEFAULT.size && [...DEFAULT].every((name) => names.has(name));
    if (names.size === 0 || isDefault) return;
    telemetry.propagateBy(await (await import('./named-propagation.ts')).namedPropagation([...names]));
  },
} satisfies Feature;
