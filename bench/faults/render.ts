/** The results as a table for people. */
import type { FaultResult } from './fault.ts';

const HEADER = [
  '| fault | injected | the neighbour’s requests: offered, answered, refused, failed | longest answer, ms | recovery, ms | RSS before → after, MiB | crashes | as expected |',
  '|---|---|---|---|---|---|---|---|',
];

/** A table in Markdown, one row a fault. */
export function faultTable(results: readonly FaultResult[]): string {
  return [...HEADER, ...results.map(row)].join('\n');
}

function row(result: FaultResult): string {
  const { name, injection, neighbour, recoveryMs, crashes, problems, skipped } = result;
  const fault = `**${name}**: ${injection}`;
  if (skipped !== undefined) return `| ${fault} | 0 | | | | | | not here: ${skipped} |`;
  const { offered, answered, refused, failed, longestMs } = neighbour;
  const sorted = [...recoveryMs].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const recovery = sorted.length < 2 ? `${median ?? '–'}` : `${median}, at most ${sorted.at(-1)}`;
  const verdict =
    problems.length === 0 ? `yes: ${result.expectation}` : `**no**: ${problems.join('; ').replace(/\s+/g, ' ')}`;
  const cells = [
    fault,
    result.injected,
    `${offered}, ${answered}, ${refused}, ${failed}`,
    longestMs,
    recovery,
    `${result.rssMibBefore} → ${result.rssMibAfter}`,
    crashes,
    verdict.replaceAll('|', '\\|'),
  ];
  return `| ${cells.join(' | ')} |`;
}
