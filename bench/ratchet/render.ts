/** Verdicts as tables: for the terminal, and for docs/results/ratchet.md. */
import type { Machine } from '../support/machine.ts';
import { MEASURES } from './figures.ts';
import { FLOOR, judge, type State, type Verdict } from './judge.ts';
import { nameOf, type Results, type Run } from './results.ts';

const STATES: Readonly<Record<State, string>> = {
  fails: '**fails**',
  unclear: 'unclear',
  holds: 'holds',
  'new best': 'new best',
  first: 'first run',
};

/** The verdicts with the best ratios as they were before the run. */
export function verdictsOf({ samples, bests }: Run): Verdict[] {
  return judge(samples, (key) => bests[key]);
}

export function renderTable(verdicts: readonly Verdict[]): string {
  const head = ['work', 'figure', 'here', 'pinned', 'ratio (interval)', 'best so far', 'gain on it', 'verdict'];
  return [
    `| ${head.join(' | ')} |`,
    '|---|---|--:|--:|--:|--:|--:|---|',
    ...verdicts.map((verdict) => `| ${cellsOf(verdict).join(' | ')} |`),
  ].join('\n');
}

function cellsOf({ work, measure, here, pinned, ratio, low, high, best, gain, state }: Verdict): string[] {
  const { label, digits } = MEASURES[measure];
  return [
    work,
    label,
    here.toFixed(digits),
    pinned.toFixed(digits),
    `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`,
    best?.toFixed(2) ?? '–',
    gain?.toFixed(2) ?? '–',
    STATES[state],
  ];
}

/** The whole page. */
export function renderDocument(results: Results): string {
  const runs = [results.quick, results.all].filter((run) => run !== undefined);
  return `${[INTRODUCTION, ...runs.map(renderRun)].join('\n\n')}\n`;
}

const INTRODUCTION = `# The ratchet

Made by \`npm run bench -- ratchet\`. This checkout's server and that of a pinned commit, each built and started as its users do,
are under load at once, and run one at a time, in slices of 50 or 200 ms; whoever does not run is stopped. A ratio is this checkout ÷
the pinned commit in neighbouring slices: of each start the median, of the starts the median, and in brackets the lowest and the
highest start. Four of them hold the true median seven times in eight, the eight of a repeated work in 99 of 100.
bench/ratchet/pinned.json has the pinned commit and the best ratio of each figure so far.

A figure fails where its whole interval is worse than ${FLOOR} of the best so far, also with as many starts more. "Unclear" is an
interval that reaches below that and is not wholly below: the runs differ too much to say. A new best is better than the
old one in its whole interval, and by 3 % in its median.

Numbers behind a comma are connections. Where the pinned commit does not know a protocol (÷ Predict), it is asked the same over
TensorFlow Serving's gRPC. Overload is the share of requests answered in time ÷ that of the pinned commit with a fixed queue of two
batches and two runs at once, on the same arrivals, at a multiple of the capacity that the pinned commit's queue of 100 has.`;

function renderRun(run: Run): string {
  const { plan, startedAt, minutes, here, pinned, starts, seconds, repeated, incidents, samples } = run;
  const disturbed = samples.filter(({ isDisturbed }) => isDisturbed === true).length;
  const notes = [
    disturbed === 0 ? '' : `${disturbed} of ${samples.length} starts' figures were measured on a disturbed machine.`,
    repeated.length === 0 ? '' : `Measured once more, as a figure failed: ${repeated.join('; ')}.`,
    incidents.length === 0 ? '' : `Could not be measured: ${incidents.join('; ')}.`,
  ].filter((note) => note !== '');
  return `## ${plan}

${nameOf(here)} beside ${pinned.slice(0, 8)} on ${startedAt.slice(0, 10)}, in ${minutes} minutes: ${starts} starts, at each ${seconds} s of load a work.
${[machineText(run.machine), ...notes].join('\n')}

${renderTable(verdictsOf(run))}`;
}

function machineText({ cpu, cores, memoryGiB, kernel, node }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}.`;
}
