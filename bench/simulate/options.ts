/** The command line of the simulator. */
import { parseArgs } from 'node:util';
import { findWorkload, traceWorkload } from '../overload/options.ts';
import type { Workload } from '../overload/workload.ts';
import { POLICIES, type Policy } from './policies.ts';

export const HELP = `Simulates the scheduler: npm run bench -- simulate WORKLOAD [options]

  WORKLOAD            a name in bench/overload/workloads, or a file of that form (workloads/README.md)
  --policies=A,B      of ${POLICIES.map(({ name }) => name).join(', ')}
  --cores=2           cores that all models share
  --slots=N           batches of one model at once; default one a core, less one, as the server has it
  --seconds=N         instead of what the workload says
  --rounds=1          with another seed each; figures are means
  --seed=1
  --speed=1           how many times as fast as the workload's latencies say models run
  --trace=FILE        the arrivals of a CSV file instead of a workload, at a mean load of
  --trace-load=0.5    so many times what can be done
  --against=FILE      a benchmark's results: the latencies are scaled to what it measured the server can do, and each
                      contestant's attainment is put beside the measured one
  --json=FILE         writes every round`;

export interface SimulateOptions {
  readonly workload: Workload;
  readonly policies: readonly Policy[];
  readonly cores: number;
  readonly slots: number;
  readonly seconds: number | undefined;
  readonly rounds: number;
  readonly seed: number;
  readonly speed: number;
  readonly against: string | undefined;
  readonly json: string | undefined;
}

/** Undefined: help is wanted. Throws with what is wrong and what there is. */
export function readOptions(args: readonly string[]): SimulateOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [name] = positionals;
  if (values.trace === undefined && positionals.length !== 1) {
    throw new Error(`wanted is one workload, got ${positionals.length}; npm run bench -- simulate one-2x, or --help`);
  }
  const cores = number('cores', values.cores);
  return {
    workload:
      values.trace === undefined
        ? findWorkload(name!)
        : traceWorkload(values.trace, number('trace-load', values['trace-load'])),
    policies: choosePolicies(values.policies),
    cores,
    slots: values.slots === undefined ? Math.max(1, Math.floor(cores) - 1) : number('slots', values.slots),
    seconds: values.seconds === undefined ? undefined : number('seconds', values.seconds),
    rounds: number('rounds', values.rounds),
    seed: number('seed', values.seed),
    speed: number('speed', values.speed),
    against: values.against,
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      policies: { type: 'string' },
      cores: { type: 'string', default: '2' },
      slots: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      speed: { type: 'string', default: '1' },
      trace: { type: 'string' },
      'trace-load': { type: 'string', default: '0.5' },
      against: { type: 'string' },
      json: { type: 'string' },
    },
  });
}

function choosePolicies(list: string | undefined): readonly Policy[] {
  if (list === undefined) return POLICIES;
  const unknown = list.split(',').filter((name) => POLICIES.every((policy) => policy.name !== name));
  if (unknown.length > 0) {
    throw new Error(`--policies has ${unknown.join(', ')}; there is ${POLICIES.map(({ name }) => name).join(', ')}`);
  }
  return POLICIES.filter(({ name }) => list.split(',').includes(name));
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1e9)) throw new Error(`--${flag} is ${text}; wanted is a number above 0`);
  return value;
}
