/**
 * Chooses the baselines that are measured after the pilot round, in hindsight of how they did on this very workload.
 */
import type { Contestant } from './contestants.ts';
import { meanOf, type Pilot } from './results.ts';

/** The best so many. */
export const SELECTED = 3;

export interface Ranked {
  readonly name: string;
  readonly attainment: number;
}

/**
 * Baselines by attainment, best first; of a family only its best. A turn that was disturbed counts if there is no
 * other. A baseline without a turn is not in it.
 */
export function rankBaselines(
  workload: string,
  pilots: readonly Pilot[],
  contestants: readonly Contestant[],
): readonly Ranked[] {
  const families = new Set<string>();
  return contestants
    .filter(({ isOurs }) => isOurs !== true)
    .map(({ name, family }) => ({ name, family, attainment: attainmentIn(pilots, workload, name) }))
    .filter(({ attainment }) => !Number.isNaN(attainment))
    .sort((a, b) => b.attainment - a.attainment)
    .filter(({ family }) => {
      if (family === undefined) return true;
      const isFirst = !families.has(family);
      families.add(family);
      return isFirst;
    })
    .map(({ name, attainment }) => ({ name, attainment }));
}

function attainmentIn(pilots: readonly Pilot[], workload: string, contestant: string): number {
  const own = pilots.filter((pilot) => pilot.workload === workload && pilot.contestant === contestant);
  const valid = own.filter(({ invalid }) => invalid === undefined);
  return meanOf(valid.length > 0 ? valid : own.slice(-1), ({ attainment }) => attainment);
}

/** The contestants of the judged rounds, in their order: ours, the best baselines, and those that are needed. */
export function selectContestants(
  workload: string,
  pilots: readonly Pilot[],
  contestants: readonly Contestant[],
  needed: readonly string[],
): readonly Contestant[] {
  const best = rankBaselines(workload, pilots, contestants).slice(0, SELECTED);
  const chosen = new Set([...best.map(({ name }) => name), ...needed]);
  return contestants.filter(({ name, isOurs }) => isOurs === true || chosen.has(name));
}
