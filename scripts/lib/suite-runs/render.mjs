/** The recorded runs as a page, and as the answer to `npm test -- suites`. */
import { lastRuns } from './suite-runs.mjs';

/** The place of the page in the tree. */
export const PAGE_FILE = 'docs/results/suites.md';

const HEAD = `# When the suites last passed

\`npm test\` leaves these suites alone. Each run of one writes its line to \`test/results/suites.jsonl\`, and this table is made of
those. \`npm test -- suites\` says which are due: how many commits since then touch what each of them tests.

| suite | passed at commit | on | in seconds | passed | other runs |
|---|---|---|---|---|---|
`;

const day = ({ date }) => date.slice(0, 10);
const commitOf = ({ commit, dirty }) => `${commit.slice(0, 8)}${dirty ? ' and changes' : ''}`;
const passedOf = ({ passed, of, skipped }) => `${passed} of ${of}${skipped ? `, ${skipped} skipped` : ''}`;

/** Those besides the last pass: a failure since, a run of a part. */
function otherRuns({ pass, whole, part }) {
  const failed = whole !== pass && `failed on ${day(whole)} at ${commitOf(whole)}: ${passedOf(whole)}`;
  const outcome = part?.exit === undefined ? '' : ', failed';
  const partly = part && `\`${part.part}\` on ${day(part)} at ${commitOf(part)}: ${passedOf(part)}${outcome}`;
  return [failed, partly].filter(Boolean).join('; ');
}

/** The page's text. @param {import('./suite-runs.mjs').SuiteRun[]} runs @param {string[]} suites */
export function renderPage(runs, suites) {
  const rows = [...suites].sort().map((suite) => {
    const last = lastRuns(runs, suite);
    const { pass } = last;
    const cells =
      pass === undefined ? ['never', '', '', ''] : [commitOf(pass), day(pass), pass.seconds, passedOf(pass)];
    return `| ${[`\`${suite}\``, ...cells, otherRuns(last)].join(' | ')} |\n`;
  });
  return HEAD + rows.join('');
}

const COLUMNS = ['suite', 'passed at', 'on', 'seconds', 'passed', 'commits since', 'due'];

/** A line for each suite. @param {[string, ReturnType<import('./due.mjs').stateOf>][]} states */
export function renderStates(states) {
  const rows = states.map(([suite, { pass, age, due }]) => {
    const cells =
      pass === undefined ? ['never', '', '', ''] : [commitOf(pass), day(pass), pass.seconds, passedOf(pass)];
    return [suite, ...cells, age ?? '', due ?? ''].map(String);
  });
  const table = [COLUMNS, ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  const due = states.filter(([, state]) => state.due !== undefined).length;
  return `${lines.join('\n')}\n\n${due} of ${states.length} suites are due.`;
}
