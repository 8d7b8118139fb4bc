/** One format of traces in headers, such as B3. */
import type { Propagation } from '../../ledger/tracing/propagation.ts';
import type { TraceContext } from '../../ledger/tracing/trace-context.ts';

/** It reads as a Propagation does: the caller's span, or its decision alone. */
export interface Format extends Pick<Propagation, 'read'> {
  /** The headers that it reads and writes, in lower case. */
  readonly names: readonly string[];
  /** Adds the headers that name the span of `context`. */
  write(context: TraceContext, headers: Record<string, string>): void;
}

/** The `extra` of traces: what formats say that W3C's has no field for. Each format writes what it has read. */
export interface Extra {
  /** B3's and Jaeger's debug flag: every collector shall keep the trace. */
  readonly isDebug?: true;
  readonly datadog?: DatadogExtra;
}

export interface DatadogExtra {
  /** `x-datadog-sampling-priority`: -1 to 2. Undefined: none was sent. */
  readonly priority: number | undefined;
  /** `x-datadog-tags` without `_dd.p.tid`; empty = none. */
  readonly tags: string;
  /** `x-datadog-origin`. */
  readonly origin: string | undefined;
}

const NOTHING: Extra = {};

export function extraOf({ extra }: TraceContext): Extra {
  return extra ?? NOTHING;
}
