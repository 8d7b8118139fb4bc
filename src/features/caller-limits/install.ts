import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { CallerQuotas, type Limit } from './caller-quotas.ts';
import { limitsSource } from './limits-report.ts';
import { CALLER_OPTIONS } from './options.ts';

export function installCallerLimits({ config, limitCallers, reports }: Installation): void {
  const options = optionsOf(config, CALLER_OPTIONS);
  const limit = (inFlight: number, perSecond: number, unit = 1): Limit => ({
    inFlight: inFlight * unit || Infinity,
    perSecond: perSecond * unit || Infinity,
  });
  const limits = {
    requests: limit(options.caller_max_requests, options.caller_requests_per_s),
    rows: limit(options.caller_max_rows, options.caller_rows_per_s),
    bytes: limit(options.caller_max_mib, options.caller_mib_per_s, 2 ** 20),
  };
  limitCallers(new CallerQuotas(limits));
  reports.push(limitsSource(limits));
}
