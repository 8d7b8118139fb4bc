/**
 * npm run bench -- micro: each part of the request path beside its alternatives. Every subject has a process of its
 * own, so that one's memory and compiled code are not the next one's; within it the contestants take turns
 * (interleave.ts).
 *
 * Usage: bench-micro.js [SUBJECT…] [--rounds=N]. A whole run with the usual rounds writes bench/results/micro.json; a
 * part only prints.
 */
import { fork } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, watchForeignCpu } from '../support/machine.ts';
import { DEFAULT_ROUNDS, type Figures } from './interleave.ts';

/** A subject of a feature lies with its tests, and goes with it. */
const OF_FEATURES: Readonly<Record<string, string>> = {
  spans: '../../test/features/sdk-exporters/spans-bench.js',
};
const SUBJECTS = [
  'predict-in',
  'predict-out',
  'infer-in',
  'infer-out',
  'json-in',
  'json-out',
  'hpack',
  'telemetry',
  'request-costs',
  ...Object.keys(OF_FEATURES).filter((subject) => existsSync(programOf(subject))),
];
/** More of the machine than this went elsewhere: the figures are doubtful. */
const BUSY_SHARE = 0.1;

interface SubjectResults {
  readonly subject: string;
  /** The share of all cores that went to other processes. */
  readonly foreignShare: number;
  readonly figures: readonly Figures[];
}

function programOf(subject: string): string {
  return fileURLToPath(new URL(OF_FEATURES[subject] ?? `./${subject}.js`, import.meta.url));
}

async function run(subject: string, rounds: number): Promise<SubjectResults> {
  console.log(`\n── ${subject}`);
  const watch = watchForeignCpu();
  const child = fork(programOf(subject), [`--rounds=${rounds}`]);
  let figures: readonly Figures[] | undefined;
  child.on('message', (message) => {
    figures = message as readonly Figures[];
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  if (status !== 0 || figures === undefined) throw new Error(`${subject} ended with status ${status}`);
  const foreignShare = Number(watch.share(0).toFixed(3));
  if (foreignShare > BUSY_SHARE) {
    console.log(`  ! ${Math.round(100 * foreignShare)} % of the machine went to other processes meanwhile`);
  }
  return { subject, foreignShare, figures };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: String(DEFAULT_ROUNDS) } },
});
const unknown = positionals.find((name) => !SUBJECTS.some((subject) => subject === name));
if (unknown !== undefined) throw new Error(`no subject "${unknown}"; there are ${SUBJECTS.join(', ')}`);
const rounds = Number(values.rounds);
const subjects: SubjectResults[] = [];
for (const subject of positionals.length > 0 ? positionals : SUBJECTS) subjects.push(await run(subject, rounds));
if (positionals.length === 0 && rounds === DEFAULT_ROUNDS) {
  const results = { machine: describeMachine(), rounds, subjects };
  // A line for each subject's figures would be long, one for each number a page: a line for each figure.
  const text = JSON.stringify(results, undefined, 1).replace(/\{[^{}]*"comparison"[^{}]*\}/g, (figure) =>
    figure.replace(/\s*\n\s*/g, ' '),
  );
  writeFileSync('bench/results/micro.json', `${text}\n`);
}
