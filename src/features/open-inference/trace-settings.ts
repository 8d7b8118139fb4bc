/**
 * The settings of tracing. Traces are spans, which go to the exporter that the environment names: what can be changed
 * is whether there are any, and of which requests.
 */
import { ServingError } from '../../core/errors.ts';
import { MAX_TRACE_RATE, type Sampling } from '../../ledger/tracing/sampling.ts';
import { checkFixed, type SettingChanges, type SettingValue, unknownSetting, wrongValue } from './setting-changes.ts';

/** Each setting is a list of texts. */
export type TraceSettings = ReadonlyMap<string, readonly string[]>;

const ON = 'TIMESTAMPS';
const OFF = 'OFF';

/** The only value by name, and why there is no other. */
const FIXED: ReadonlyMap<string, readonly [value: string, why: string]> = new Map([
  ['trace_mode', ['opentelemetry', 'traces are OpenTelemetry’s spans']],
  ['trace_count', ['-1', 'the number of traces has no limit']],
  ['log_frequency', ['0', 'spans are sent as they come']],
  ['trace_file', ['', 'spans go to the exporter that OTEL_ variables name, and no caller chooses a file']],
]);

export function traceSettings(sampling: Sampling | undefined): TraceSettings {
  return new Map([
    ['trace_level', [sampling?.isOn === true ? ON : OFF]],
    ['trace_rate', [String(sampling?.rate ?? 0)]],
    ...[...FIXED].map(([name, [value]]) => [name, [value]] as const),
  ]);
}

/** Makes all changes or none. Throws ServingError. */
export function changeTracing(sampling: Sampling | undefined, changes: SettingChanges): void {
  const apply: ((sampling: Sampling) => void)[] = [];
  for (const [name, value] of changes) {
    const fixed = FIXED.get(name);
    if (fixed !== undefined) checkFixed(name, value, ...fixed);
    else if (name === 'trace_level') {
      const isOn = value === undefined || levelValue(value);
      apply.push((found) => {
        found.isOn = isOn;
      });
    } else if (name === 'trace_rate') {
      const rate = value === undefined ? undefined : rateValue(value);
      apply.push((found) => found.setRate(rate));
    } else throw unknownSetting(name, traceSettings(sampling).keys());
  }
  if (apply.length === 0) return;
  if (sampling === undefined) {
    throw new ServingError(
      'unsupported',
      'this server exports no traces, so there is nothing to set; start it with OTEL_EXPORTER_OTLP_ENDPOINT',
    );
  }
  for (const each of apply) each(sampling);
}

function levelValue(value: SettingValue): boolean {
  const levels = Array.isArray(value) ? value : [value];
  if (levels.length === 1 && (levels[0] === ON || levels[0] === OFF)) return levels[0] === ON;
  if (levels.includes('TENSORS')) {
    throw new ServingError('unsupported', `spans have no tensors; send trace_level ${ON} or ${OFF}`);
  }
  throw wrongValue('trace_level', value, `${ON} or ${OFF}`);
}

function rateValue(value: SettingValue): number {
  const sent = Array.isArray(value) && value.length === 1 ? value[0] : value;
  const isDigits = typeof sent === 'number' || (typeof sent === 'string' && /^\d{1,10}$/.test(sent));
  const rate = isDigits ? Number(sent) : 0;
  if (Number.isInteger(rate) && rate >= 1 && rate <= MAX_TRACE_RATE) return rate;
  throw wrongValue('trace_rate', value, 'a whole number: 1 for every request, 100 for one in a hundred');
}
