/** Traces in other formats than W3C's, where OTEL_PROPAGATORS names them (docs/reference/observability.md). */
import type { Feature } from '../../kernel/feature.ts';

/** The default of OpenTelemetry, which the kernel reads by itself. */
const DEFAULT = /^(?:tracecontext,baggage|baggage,tracecontext)$/;

export const propagation = {
  name: 'propagation',
  install: async ({ environment, telemetry }) => {
    const names = (environment['OTEL_PROPAGATORS'] ?? '').replaceAll(/\s/g, '');
    if (names === '' || DEFAULT.test(names)) return;
    telemetry.propagateBy(await (await import('./named-propagation.ts')).namedPropagation(names.split(',')));
  },
} satisfies Feature;
