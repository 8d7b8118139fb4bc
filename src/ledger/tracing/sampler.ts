/**
 * Decides which requests are traced. It decides once, when a request comes, from the caller's flag and the trace id
 * only, so that every server with the same ratio decides the same for a trace.
 *
 * Configured by the standard variables OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. The SDK itself samples
 * everything: a request that is not sampled never reaches it.
 */
import type { CallerTrace } from '../request-record.ts';

/** True if the request with this trace id is sampled. `caller` is undefined if the trace begins here. */
export type Sampler = (traceId: string, caller: CallerTrace | undefined) => boolean;

export interface SamplerChoice {
  readonly sampler: Sampler;
  /** The caller's decision counts, where there is one. */
  readonly isParentBased: boolean;
  /** The share of the traces that begin here. */
  readonly ratio: number;
  /** The error in the variables, to be logged once; undefined if there is none. */
  readonly warning: string | undefined;
}

/** The standard's default: the caller's decision, or everything if the trace begins here. */
const DEFAULT_TRACES_SAMPLER = 'parentbased_always_on';

/** The digits of the trace id that are compared; trace ids are in lower case. */
const FIRST_DIGIT = 18;
const THRESHOLD_DIGITS = 13;

type RootRule = (traceId: string) => boolean;

const always: RootRule = () => true;
const never: RootRule = () => false;

/** Reads the two variables. An invalid value gives the standard's default and a warning. */
export function samplerFromEnv(env: Readonly<Record<string, string | undefined>>): SamplerChoice {
  const name = env['OTEL_TRACES_SAMPLER']?.trim() || DEFAULT_TRACES_SAMPLER;
  const argument = env['OTEL_TRACES_SAMPLER_ARG']?.trim() || undefined;
  const isParentBased = name.startsWith('parentbased_');
  const root = rootRatio(isParentBased ? name.slice('parentbased_'.length) : name, argument);
  if (root === undefined) {
    const warning =
      `OTEL_TRACES_SAMPLER is "${name}"; known are always_on, always_off, traceidratio ` +
      `and each with parentbased_ before it; using ${DEFAULT_TRACES_SAMPLER}`;
    return { sampler: samplerWith(1, true), isParentBased: true, ratio: 1, warning };
  }
  const { ratio, warning } = root;
  return { sampler: samplerWith(ratio, isParentBased), isParentBased, ratio, warning };
}

/** Samples the share `ratio` of the traces that begin here, or of all. */
export function samplerWith(ratio: number, isParentBased: boolean): Sampler {
  const rule = traceIdRatio(ratio);
  return isParentBased ? parentBased(rule) : rule;
}

/**
 * Samples a share of all trace ids, by the rule of OpenTelemetry's consistent probability sampling: the id's last 56
 * bits, as a fraction, must be at least 1 − ratio. The upper 52 bits are compared, which a double holds exactly.
 */
export function traceIdRatio(ratio: number): RootRule {
  if (ratio >= 1) return always;
  if (ratio <= 0) return never;
  const least = Math.ceil((1 - ratio) * 2 ** 52);
  if (least >= 2 ** 52) return never;
  const threshold = least.toString(16).padStart(THRESHOLD_DIGITS, '0');
  return (traceId) => isAtLeast(traceId, threshold);
}

/** Compares digit by digit; mostly the first digit decides, which is faster than to parse the number. */
function isAtLeast(traceId: string, threshold: string): boolean {
  for (let i = 0; i < THRESHOLD_DIGITS; i++) {
    const difference = traceId.charCodeAt(FIRST_DIGIT + i) - threshold.charCodeAt(i);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function parentBased(root: RootRule): Sampler {
  return (traceId, caller) => (caller === undefined || caller.isDeferred === true ? root(traceId) : caller.isSampled);
}

function rootRatio(name: string, argument: string | undefined): { ratio: number; warning?: string } | undefined {
  switch (name) {
    case 'always_on':
      return { ratio: 1 };
    case 'always_off':
      return { ratio: 0 };
    case 'traceidratio': {
      const ratio = argument === undefined ? 1 : Number(argument);
      if (ratio >= 0 && ratio <= 1) return { ratio };
      const warning = `OTEL_TRACES_SAMPLER_ARG is "${argument}", but a ratio from 0 to 1 is wanted; sampling everything`;
      return { ratio: 1, warning };
    }
    default:
      return undefined;
  }
}
