/**
 * Which requests are traced: decided once, at the edge, from the caller's flag and the trace id alone, so that every
 * server that sees the same trace id and ratio decides alike.
 *
 * Configured by the standard variables OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. The SDK itself then runs with
 * everything on: what it would drop never reaches it, and a request that is not sampled costs it nothing.
 */
import type { CallerTrace } from '../request-record.ts';

/** Is the request with this trace id sampled? `caller` is undefined where the trace begins here. */
export type Sampler = (traceId: string, caller: CallerTrace | undefined) => boolean;

export interface SamplerChoice {
  readonly sampler: Sampler;
  /** What was wrong with the variables, for one line in the log; undefined if nothing was. */
  readonly warning: string | undefined;
}

/** The standard's default: as the caller does, and everything where the trace begins here. */
export const DEFAULT_TRACES_SAMPLER = 'parentbased_always_on';

/** Of the trace id, in lower case as all of ours and those of callers are. */
const FIRST_DIGIT = 18;
const THRESHOLD_DIGITS = 13;

type RootRule = (traceId: string) => boolean;

const always: RootRule = () => true;
const never: RootRule = () => false;

/** Reads the two variables. A wrong value is never an error: the standard's default stands in, with a warning. */
export function samplerFromEnv(env: Readonly<Record<string, string | undefined>>): SamplerChoice {
  const name = env['OTEL_TRACES_SAMPLER']?.trim() || DEFAULT_TRACES_SAMPLER;
  const argument = env['OTEL_TRACES_SAMPLER_ARG']?.trim() || undefined;
  const isParentBased = name.startsWith('parentbased_');
  const root = rootRule(isParentBased ? name.slice('parentbased_'.length) : name, argument);
  if (root === undefined) {
    const warning = `OTEL_TRACES_SAMPLER is "${name}"; known are always_on, always_off, traceidratio and each with parentbased_ before it; using ${DEFAULT_TRACES_SAMPLER}`;
    return { sampler: parentBased(always), warning };
  }
  return { sampler: isParentBased ? parentBased(root.rule) : root.rule, warning: root.warning };
}

/**
 * A share of all trace ids. The rule is that of OpenTelemetry's consistent probability sampling: the id's last 56 bits
 * as a fraction, sampled if at or over 1 − ratio. We read the upper 52 of them: all that a double holds exactly.
 */
export function traceIdRatio(ratio: number): RootRule {
  if (ratio >= 1) return always;
  if (ratio <= 0) return never;
  const least = Math.ceil((1 - ratio) * 2 ** 52);
  if (least >= 2 ** 52) return never;
  const threshold = least.toString(16).padStart(THRESHOLD_DIGITS, '0');
  return (traceId) => isAtLeast(traceId, threshold);
}

/** Compared digit by digit, mostly by the first alone: to read the number took 0.16 µs of every request. */
function isAtLeast(traceId: string, threshold: string): boolean {
  for (let i = 0; i < THRESHOLD_DIGITS; i++) {
    const difference = traceId.charCodeAt(FIRST_DIGIT + i) - threshold.charCodeAt(i);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function parentBased(root: RootRule): Sampler {
  return (traceId, caller) => (caller === undefined ? root(traceId) : caller.isSampled);
}

function rootRule(name: string, argument: string | undefined): { rule: RootRule; warning?: string } | undefined {
  switch (name) {
    case 'always_on':
      return { rule: always };
    case 'always_off':
      return { rule: never };
    case 'traceidratio': {
      const ratio = argument === undefined ? 1 : Number(argument);
      if (ratio >= 0 && ratio <= 1) return { rule: traceIdRatio(ratio) };
      const warning = `OTEL_TRACES_SAMPLER_ARG is "${argument}", but a ratio from 0 to 1 is wanted; sampling everything`;
      return { rule: always, warning };
    }
    default:
      return undefined;
  }
}
