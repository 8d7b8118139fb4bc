/** `--trace_url_template`: links to traces in Jaeger, Tempo or Datadog (docs/reference/observability.md). */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Feature } from '../../kernel/feature.ts';
import { TRACE_LINK_OPTIONS } from './options.ts';
import { readTraceUrl } from './trace-url.ts';

export const traceLinks = {
  name: 'trace-links',
  options: TRACE_LINK_OPTIONS,
  check: (given, errors) => {
    const { trace_url_template: template } = optionsOf(given, TRACE_LINK_OPTIONS);
    const url = template === '' ? undefined : readTraceUrl(template);
    if (typeof url === 'string') errors.push(`--trace_url_template: ${url}`);
  },
  install: ({ config, telemetry }) => {
    const { trace_url_template: template } = optionsOf(config, TRACE_LINK_OPTIONS);
    const url = template === '' ? undefined : readTraceUrl(template);
    if (typeof url === 'function') telemetry.linkTraces(url);
  },
} satisfies Feature;
