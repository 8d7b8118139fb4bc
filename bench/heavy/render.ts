/** The heavy models' figures as text: two tables, put between two marks of docs/results/benchmarks.md. */
import type { Machine } from '../support/machine.ts';
import { HEAVY_MODELS } from './models.ts';
import { FIXED_PLANS, type HeavyRound, PLANS, rateIn, verdictOf } from './plans.ts';

export interface HeavyResults {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly roundsWanted: number;
  readonly seconds: number;
  readonly calls: number;
  readonly incidents: readonly string[];
  readonly rounds: readonly HeavyRound[];
}

export function renderTables({ rounds, incidents }: HeavyResults): string {
  const models = HEAVY_MODELS.filter(({ name }) => rounds.some((round) => round.model === name));
  const verdicts = models.flatMap(({ name, label }) => {
    const verdict = verdictOf(name, rounds);
    if (verdict === undefined) return [];
    const best = FIXED_PLANS.find((plan) => plan.name === verdict.best)!.label;
    return [[label, rate(verdict.byDefault), best, rate(verdict.bestRate), verdict.ratio.toFixed(2)]];
  });
  const all = PLANS.map(({ name, label }) => [label, ...models.map((model) => rate(rateIn(rounds, model.name, name)))]);
  const failed = rounds.reduce((sum, round) => sum + round.failed, 0);
  const notes = [...incidents, ...(failed === 0 ? [] : [`${failed} requests were not answered`])];
  return [
    table(['answers a second', 'default settings', 'best fixed plan', 'its rate', 'default ÷ best'], verdicts),
    table(['answers a second, medians', ...models.map(({ name }) => name)], all),
    notes.map((note) => `- ${note}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const BEGIN = '<!-- heavy: made by npm run bench -- heavy -->';
const END = '<!-- heavy: end -->';

/** `document` with the section in place of an earlier one, or at its end. */
export function withSection(document: string, results: HeavyResults): string {
  const section = `${BEGIN}\n${sectionOf(results)}\n${END}`;
  const [from, until] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from === -1 || until === -1) return `${document.trimEnd()}\n\n${section}\n`;
  return document.slice(0, from) + section + document.slice(until + END.length);
}

/** The section of a document, with its marks; empty if it has none. */
export function sectionIn(document: string): string {
  const [from, until] = [document.indexOf(BEGIN), document.indexOf(END)];
  return from === -1 || until === -1 ? '' : document.slice(from, until + END.length);
}

function sectionOf(results: HeavyResults): string {
  const { machine, startedAt, roundsWanted, seconds, calls } = results;
  return `## Heavy models

Made by \`npm run bench -- heavy\` on ${startedAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}. Real models
from packages of others (test/zoo), one row a request, ${calls} calls open all the time over gRPC. The server by itself, and
under every fixed plan of 1 or 2 runs at once, 1 or 2 threads a run and batches of at most 1, 8 or 32 rows; in turn,
${roundsWanted} rounds of ${seconds} s (basic-pitch four times that). The best plan is chosen in hindsight for each model, by its median, and so has luck on its side.
Every round is in [bench/results/heavy.json](../../bench/results/heavy.json).

${renderTables(results)}`;
}

function rate(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(value < 100 ? 1 : 0);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join('\n');
}
