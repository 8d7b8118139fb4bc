/** The generated parts of docs/reference/triton.md, between its marks. */
import type { Verdict } from './compare.ts';
import { DIFFERENCES, type Difference } from './differences.ts';

export interface Judged {
  readonly source: 'recorded' | 'ruled';
  readonly verdict: Verdict;
  /** Set for `other`. */
  readonly difference: Difference | undefined;
}

const START = '<!-- npm run gen -- triton: begin -->';
const END = '<!-- npm run gen -- triton: end -->';

/** The page with the numbers and the table of these cases. */
export function withTable(page: string, judged: readonly Judged[]): string {
  const [before, rest] = page.split(START);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`the page lacks ${START} or ${END}`);
  return `${before}${START}\n${totals(judged)}\n${table(judged)}\n${END}${after}`;
}

function totals(judged: readonly Judged[]): string {
  const row = (source: Judged['source'], says: string): string => {
    const own = judged.filter((each) => each.source === source);
    const counts = (['same', 'wording', 'other'] as const).map(
      (verdict) => own.filter((each) => each.verdict === verdict).length,
    );
    return `| ${says} | ${own.length} | ${counts.join(' | ')} |`;
  };
  return [
    '| cases | all | same | another text of an error | otherwise, as below |',
    '| --- | --- | --- | --- | --- |',
    row('recorded', 'recorded from Triton'),
    row('ruled', "made by the protocol's rules"),
    '',
  ].join('\n');
}

function table(judged: readonly Judged[]): string {
  const rows = DIFFERENCES.map((each) => {
    const count = judged.filter(({ difference }) => difference === each).length;
    return `| ${each.what} | ${each.triton} | ${each.here} | ${each.why} | ${count} |`;
  });
  return ['| case | Triton 2.51 | here | why | cases |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}
