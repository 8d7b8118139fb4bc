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
  const parts = [
    totals(judged),
    '### Better',
    '',
    table(judged, 'better'),
    '',
    '### Noticeable',
    '',
    table(judged, 'noticeable'),
  ];
  return `${before}${START}\n${parts.join('\n')}\n${END}${after}`;
}

/** The classes of the table, from the best. */
const CLASSES = ['same', 'wording', 'better', 'noticeable'] as const;

function totals(judged: readonly Judged[]): string {
  const row = (source: Judged['source'], says: string): string => {
    const own = judged.filter((each) => each.source === source);
    const counts = CLASSES.map((name) => own.filter((each) => classOf(each) === name).length);
    return `| ${says} | ${own.length} | ${counts.join(' | ')} | 0 |`;
  };
  return [
    `| cases | all | ${CLASSES.join(' | ')} | missing |`,
    '| --- | --: | --: | --: | --: | --: | --: |',
    row('recorded', 'recorded from Triton'),
    row('ruled', "made by the protocol's rules"),
    '',
  ].join('\n');
}

export function classOf({ verdict, difference }: Judged): (typeof CLASSES)[number] | undefined {
  return verdict === 'other' ? difference?.verdict : verdict;
}

function table(judged: readonly Judged[], verdict: Difference['verdict']): string {
  const rows = DIFFERENCES.filter((each) => each.verdict === verdict).map((each) => {
    const count = judged.filter(({ difference }) => difference === each).length;
    return `| ${each.what} | ${each.triton} | ${each.here} | ${each.why} | ${count} |`;
  });
  return ['| case | Triton 2.51 | here | why | cases |', '| --- | --- | --- | --- | --: |', ...rows].join('\n');
}
