/** The command line of the overload benchmark. A run takes about two hours by default. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readTrace } from './arrivals.ts';
import { CONTESTANTS, type Contestant } from './contestants.ts';
import { readWorkload, type Workload } from './workload.ts';

export const WORKLOADS_DIRECTORY = join('bench', 'overload', 'workloads');

/** The workloads that are published. The other files beside them are run by name. */
export const DEFAULT_WORKLOADS: readonly string[] = [
  'one-0.3x',
  'one-0.7x',
  'heavy-0.9x',
  'one-1.2x',
  'one-2x',
  'mixed-1.2x',
  'bursts-40ms',
  'bursts',
  'bursts-400ms',
  'gamma-cv4',
  'gamma-cv8',
  'azure-0.5x',
  'azure-0.8x',
  'neighbour',
  'half-speed',
  'cancel-storm',
  'step',
  'diurnal',
  'tenants',
  'zipf-1.2x',
  'zipf-2x',
  'hot-cold',
];

export const HELP = `Overload, open loop: Pillion's scheduler beside other policies, on the real server with real models.

  --workloads=A,B     names in bench/overload/workloads, or files; default ${DEFAULT_WORKLOADS.join(', ')}
  --contestants=A,B   of ${CONTESTANTS.map(({ name }) => name).join(', ')}
  --all               all contestants in all rounds, and in memory (30 GiB for zipf). Without it and --contestants a
                      pilot round of all comes first, and the rounds are left to Pillion, the three best
                      baselines and those that a check needs
  --rounds=5          every contestant is measured once a round, in turn
  --resume            goes on where a run with the same options was stopped
  --seconds=N         for each measurement, instead of what the workload says
  --quick             one round of 1.5 seconds, counted even on a busy machine: to see whether it works
  --trace=FILE        a workload more: arrival times of a CSV file, on one model at a mean load of
  --trace-load=0.5    so many times what the server can do
  --seed=1            another one, other arrivals
  --publish           writes bench/results/overload.json and docs/results/overload.md even if only a part was measured
  --render            measures nothing, writes docs/results/overload.md anew from bench/results/overload.json

Without options the results are published. What was measured is in .cache/bench/overload.json after each turn.`;

export interface OverloadOptions {
  readonly help: boolean;
  readonly render: boolean;
  readonly publish: boolean;
  readonly resume: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly workloads: readonly Workload[];
  readonly contestants: readonly Contestant[];
  /** A pilot round chooses whom the judged rounds are left to. */
  readonly hasPilot: boolean;
}

/** Throws with what is wrong and what there is. Reads the workloads' files. */
export function readOptions(args: readonly string[]): OverloadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string', default: '1' },
      workloads: { type: 'string' },
      contestants: { type: 'string' },
      trace: { type: 'string' },
      'trace-load': { type: 'string', default: '0.5' },
    },
  });
  const { quick, trace } = values;
  const chosen = values.workloads?.split(',') ?? (trace === undefined ? DEFAULT_WORKLOADS : []);
  const seconds = values.seconds ?? (quick ? '1.5' : undefined);
  return {
    help: values.help,
    render: values.render,
    quick,
    resume: values.resume,
    publish: (values.publish && !quick) || args.every((arg) => arg === '--resume'),
    rounds: whole('rounds', values.rounds ?? (quick ? '1' : '5')),
    seconds: seconds === undefined ? undefined : positive('seconds', seconds),
    seed: whole('seed', values.seed),
    workloads: [
      ...chosen.map(findWorkload),
      ...(trace === undefined ? [] : [traceWorkload(trace, positive('trace-load', values['trace-load']))]),
    ],
    contestants: chooseContestants(values.contestants),
    hasPilot: !values.all && values.contestants === undefined,
  };
}

/** Finds a workload by its name among ours, or as a file. */
export function findWorkload(name: string): Workload {
  const ours = join(WORKLOADS_DIRECTORY, `${name}.json`);
  if (existsSync(ours)) return readWorkload(ours);
  if (existsSync(name)) return readWorkload(name);
  throw new Error(`there is no workload "${name}": neither ${ours} nor a file of that name`);
}

/** One model with the trace's arrivals; everything else as one-0.7x has it. */
export function traceWorkload(file: string, load: number): Workload {
  const like = findWorkload('one-0.7x');
  const arrivals = { kind: 'trace', times: readTrace(file) } as const;
  return {
    ...like,
    name: `trace-${load}x`,
    text: `One model at ${load} in the mean, with the arrivals of ${basename(file)}, compressed`,
    streams: like.streams.map((stream) => ({ ...stream, load, arrivals })),
  };
}

function chooseContestants(list: string | undefined): readonly Contestant[] {
  if (list === undefined) return CONTESTANTS;
  const names = list.split(',');
  const unknown = names.filter((name) => CONTESTANTS.every((contestant) => contestant.name !== name));
  if (unknown.length > 0) {
    throw new Error(
      `--contestants has ${unknown.join(', ')}; there is ${CONTESTANTS.map(({ name }) => name).join(', ')}`,
    );
  }
  return CONTESTANTS.filter(({ name }) => names.includes(name));
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1e6)) throw new Error(`--${flag} is ${text}; a number above 0`);
  return value;
}

function whole(flag: string, text: string): number {
  const value = positive(flag, text);
  if (!Number.isInteger(value)) throw new Error(`--${flag} is ${text}; a whole number from 1 on`);
  return value;
}
