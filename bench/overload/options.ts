/** The command line of the overload benchmark. Where it says nothing a run takes about a quarter of an hour. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readTrace } from './arrivals.ts';
import { CONTESTANTS, type Contestant } from './contestants.ts';
import { readWorkload, type Workload } from './workload.ts';

export const WORKLOADS_DIRECTORY = join('bench', 'overload', 'workloads');

/** Of the contestants, where all would tell no more than these: a whole run is to end within a quarter of an hour. */
const FEW: readonly string[] = ['pillion', 'greedy', 'queue-2', 'edf'];

/** What is published, and whom a workload is left to. The other files beside them are run by name. */
const DEFAULT_PLAN: Readonly<Record<string, readonly string[] | undefined>> = {
  'one-0.3x': ['pillion', 'greedy'],
  'one-0.7x': undefined,
  'one-2x': undefined,
  'mixed-1.2x': undefined,
  bursts: FEW,
  'gamma-cv4': FEW,
  neighbour: FEW,
  'cancel-storm': FEW,
  step: FEW,
  'zipf-2x': undefined,
  'hot-cold': undefined,
};

export const DEFAULT_WORKLOADS: readonly string[] = Object.keys(DEFAULT_PLAN);

export const HELP = `Overload, open loop: Pillion's scheduler beside other policies, on the real server with real models.

  --workloads=A,B     names in bench/overload/workloads, or files; default ${DEFAULT_WORKLOADS.join(', ')}
  --contestants=A,B   of ${CONTESTANTS.map(({ name }) => name).join(', ')};
                      without it some workloads are left to some of them
  --rounds=3          every contestant is measured once a round, in turn
  --seconds=N         for each measurement, instead of what the workload says
  --quick             one round of 1.5 seconds, counted even on a busy machine: to see whether it works
  --trace=FILE        a workload more: arrival times of a CSV file, on one model at a mean load of
  --trace-load=0.5    so many times what the server can do
  --seed=1            another one, other arrivals
  --publish           writes bench/results/overload.json and docs/overload.md even where less than all was measured
  --render            measures nothing, writes docs/overload.md anew from bench/results/overload.json

Without options the results are published. Otherwise they land in .cache/bench/overload.json.`;

export interface OverloadOptions {
  readonly help: boolean;
  readonly render: boolean;
  readonly publish: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number | undefined;
  readonly seed: number;
  readonly workloads: readonly Workload[];
  readonly contestants: readonly Contestant[];
  /** By name. Without --contestants some workloads are left to some of them. */
  readonly isWanted: (workload: string, contestant: string) => boolean;
}

/** Throws with what is wrong and what there is. Reads the workloads' files. */
export function readOptions(args: readonly string[]): OverloadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
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
    publish: (values.publish && !quick) || args.length === 0,
    rounds: whole('rounds', values.rounds ?? (quick ? '1' : '3')),
    seconds: seconds === undefined ? undefined : positive('seconds', seconds),
    seed: whole('seed', values.seed),
    workloads: [
      ...chosen.map(findWorkload),
      ...(trace === undefined ? [] : [traceWorkload(trace, positive('trace-load', values['trace-load']))]),
    ],
    contestants: chooseContestants(values.contestants),
    isWanted: (workload, contestant) =>
      values.contestants !== undefined || DEFAULT_PLAN[workload]?.includes(contestant) !== false,
  };
}

/** By its name among ours, or a file. */
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
