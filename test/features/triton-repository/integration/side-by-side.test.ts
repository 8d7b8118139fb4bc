/**
 * What Triton 2.51 answered, case by case, beside what this server answers: `npm test -- side-by-side`. A case is the
 * same, differs in an error's words, is better or noticeably different as docs/reference/triton.md says, or is missing.
 * `npm run gen -- triton` writes that page's tables.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { after, it, type TestContext } from 'node:test';
import { FREE_PORTS } from '../../../../bench/support/launcher.ts';
import { killSidecars, runPillion } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { type Case, recordedCases, type StepAnswer } from '../side-by-side/cases.ts';
import { compare } from '../side-by-side/compare.ts';
import { DIFFERENCES, differenceOf, MOST_NOTICEABLE, statusesOf } from '../side-by-side/differences.ts';
import { writeModels } from '../side-by-side/models.ts';
import { Replay } from '../side-by-side/replay.ts';
import { ruledCases } from '../side-by-side/ruled-cases.ts';
import { classOf, type Judged, withTable } from '../side-by-side/table.ts';

const PAGE = 'docs/reference/triton.md';
const FLAGS = [
  ...['--model-control-mode=explicit', '--load-model=*', '--exit-on-error=false', '--strict-readiness=false'],
  ...['--metrics-port=-1', '--allow_client_shm', '--allow_client_settings'],
];

after(killSidecars);

it('answers as Triton does, but for differences that are meant', async (t) => {
  const replay = await startedReplay(t);
  const judged: Judged[] = [];
  const missing: string[] = [];
  for (const [source, cases] of [
    ['recorded', recordedCases()],
    ['ruled', ruledCases()],
  ] as const) {
    for (const each of cases) {
      const ours = await replay.answers(each);
      const verdict = compare(each, ours);
      const difference = verdict === 'other' && source === 'recorded' ? differenceOf(each, ours) : undefined;
      if (verdict === 'other' && difference === undefined) missing.push(described(each, ours));
      judged.push({ source, verdict, difference });
    }
  }
  assert.equal(missing.length, 0, missing.join('\n'));
  const idle = DIFFERENCES.filter((each) => !judged.some(({ difference }) => difference === each));
  assert.deepEqual(
    idle.map(({ what }) => what),
    [],
    'these are no differences any more',
  );
  const noticeable = judged.filter((each) => classOf(each) === 'noticeable').length;
  assert.ok(noticeable <= MOST_NOTICEABLE, `${noticeable} cases are noticeable, and ${MOST_NOTICEABLE} may be`);
  const page = readFileSync(PAGE, 'utf8');
  const wanted = withTable(page, judged);
  if (process.env['PILLION_WRITE_DOCS'] !== undefined) writeFileSync(PAGE, wanted);
  else assert.equal(page, wanted, `${PAGE} says otherwise; npm run gen -- triton writes it`);
});

async function startedReplay(t: TestContext): Promise<Replay> {
  const directory = tempDirectory(t);
  writeModels(directory);
  const child = runPillion(['tritonserver', ...FREE_PORTS, `--model-repository=${directory}`, ...FLAGS]);
  const { grpc, rest } = await child.line(({ event }) => event === 'ready');
  const replay = new Replay({ grpc: (grpc as string[])[0]!, rest: (rest as string[])[0]! });
  t.after(async () => {
    replay.close();
    await child.stop();
  });
  return replay;
}

function described(each: Case, ours: readonly StepAnswer[]): string {
  const at = each.triton.findIndex((answer, i) => compare({ ...each, triton: [answer] }, [ours[i] ?? {}]) === 'other');
  const [triton, here] = [each.triton[at], ours[at]].map((answer) => JSON.stringify(answer)?.slice(0, 600));
  return `${each.id} (${statusesOf(each, ours)})\n  Triton ${triton}\n  here   ${here}`;
}
