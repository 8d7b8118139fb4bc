/** Gauges of the process. */

import type { RootLogger } from '../../ledger/log/log.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';

/** Registers gauges of the process, which are read at each scrape. */
export function observeProcess(
  { gauges }: AppTelemetry['metrics'],
  lifecycle: RequestLifecycle,
  budgetCores: number,
  logger: RootLogger,
): void {
  const inFlight = 'Requests begun and not yet answered.';
  gauges.observe('pillion_requests_in_flight', inFlight, () => lifecycle.inFlight);
  const budget = 'Cores that the process may use: affinity and quota.';
  gauges.observe('pillion_cpu_budget_cores', budget, () => budgetCores);
  const lostLines = 'Log lines that were dropped since the start because nobody took them.';
  gauges.observe('pillion_log_lines_lost', lostLines, () => logger.lostLines);
}
