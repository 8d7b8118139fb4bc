/** Simulated beside measured: how far the simulator may be believed. */
import { contestantsIn, meanOf, type Results, roundsOf } from '../../../../bench/overload/results.ts';

/** Attainments nearer than this agree. The network, decoding and the generator, which cost nothing here, are in it. */
export const MARGIN = 0.05;

export interface Comparison {
  readonly contestant: string;
  readonly measured: number;
  readonly simulated: number;
  readonly agrees: boolean;
}

/** The attainments of the contestants that both have. */
export function compareAttainments(simulated: Results, measured: Results, workload: string): Comparison[] {
  const of = (results: Results, name: string): number =>
    meanOf(roundsOf(results, workload, name), ({ attainment }) => attainment);
  return contestantsIn(simulated, workload)
    .map((name) => ({ contestant: name, measured: of(measured, name), simulated: of(simulated, name) }))
    .filter((each) => !Number.isNaN(each.measured) && !Number.isNaN(each.simulated))
    .map((each) => ({ ...each, agrees: Math.abs(each.simulated - each.measured) <= MARGIN }));
}

export function againstTable(simulated: Results, measured: Results, workload: string): string {
  const lines = compareAttainments(simulated, measured, workload).map(
    (each) =>
      `| ${each.contestant} | ${each.measured.toFixed(3)} | ${each.simulated.toFixed(3)} | ${each.agrees ? 'yes' : 'no'} |`,
  );
  if (lines.length === 0) return `Nothing to compare: no contestant of ${workload} has a valid round in both.`;
  return [`| attainment | measured | simulated | within ${MARGIN} |`, '|---|--:|--:|--:|', ...lines].join('\n');
}
