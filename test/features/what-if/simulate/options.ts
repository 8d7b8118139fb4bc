/** The command line of the simulator. */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findWorkload, traceWorkload, WORKLOADS_DIRECTORY } from '../../../../bench/overload/options.ts';
import type { Workload } from '../../../../bench/overload/workload.ts';
import { SERVER_COSTS } from '../../../../src/features/what-if/simulation/simulation.ts';
import type { Machine } from './machine.ts';
import { POLICIES, type Policy } from './policies.ts';

/** The server's own. */
const MICROS = {
  answer: 1000 * (SERVER_COSTS.readMs + SERVER_COSTS.answerMs),
  refusal: 1000 * SERVER_COSTS.readMs,
  batch: 1000 * SERVER_COSTS.batchMs,
};

export const BOUNDS_FILE = 'bench/results/overload-bounds.json';

export const HELP = `Simulates the scheduler: npm run bench -- simulate WORKLOAD [options]
                         npm run bench -- simulate --bounds [WORKLOAD] [options]

  WORKLOAD            a name in bench/overload/workloads, or a file of that form (workloads/README.md)
  --policies=A,B      of ${POLICIES.map(({ name }) => name).join(', ')}
  --cores=2           cores that all models and the event loop share
  --slots=N           batches at once; default one a core, less one, as the server has it
  --threads=1         of one run
  --answer-micros=${MICROS.answer}  what the event loop works for a request that is answered,
  --refusal-micros=${MICROS.refusal} for one that is refused,
  --batch-micros=${MICROS.batch}   and for a batch
  --generator-cores=0 what the load generator takes of the cores
  --seconds=N         instead of what the workload says
  --rounds=1          with another seed each; figures are means
  --seed=1
  --speed=1           how many times as fast as the workload's latencies say models run
  --trace=FILE        the arrivals of a CSV file instead of a workload, at a mean load of
  --trace-load=0.5    so many times what can be done
  --against=FILE      a benchmark's results: the latencies are scaled to what it measured the server can do, and each
                      contestant's attainment is put beside the measured one
  --json=FILE         writes every round; without it --bounds of all workloads writes ${BOUNDS_FILE}
  --bounds            of WORKLOAD, or of all in bench/overload/workloads: what no scheduler can pass, even one that knows
                      all requests in advance, what a search with known requests reaches, and the best of --policies,
                      all without chance and with a free event loop. --slots and --threads are chosen for the largest capacity where neither is given`;

export interface SimulateOptions {
  /** One, but for --bounds. */
  readonly workloads: readonly Workload[];
  readonly wantsBounds: boolean;
  /** --slots or --threads was given. */
  readonly hasPlan: boolean;
  readonly policies: readonly Policy[];
  /** Its seed is the first round's. */
  readonly machine: Machine;
  readonly seconds: number | undefined;
  readonly rounds: number;
  readonly speed: number;
  readonly against: string | undefined;
  readonly json: string | undefined;
}

/** Undefined: help is wanted. Throws with what is wrong and what there is. */
export function readOptions(args: readonly string[]): SimulateOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (values.bounds && values.against !== undefined)
    throw new Error('--bounds are of the latencies in the workloads; --against takes measured ones: give one of them');
  const workloads = chooseWorkloads(values, positionals);
  const isPublished = values.bounds && positionals.length === 0 && values.trace === undefined;
  return {
    workloads,
    wantsBounds: values.bounds,
    hasPlan: values.slots !== undefined || values.threads !== undefined,
    policies: choosePolicies(values.policies),
    machine: readMachine(values),
    seconds: values.seconds === undefined ? undefined : number('seconds', values.seconds),
    rounds: number('rounds', values.rounds),
    speed: number('speed', values.speed),
    against: values.against,
    json: values.json ?? (isPublished ? BOUNDS_FILE : undefined),
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
      threads: { type: 'string' },
      'answer-micros': { type: 'string', default: String(MICROS.answer) },
      'refusal-micros': { type: 'string', default: String(MICROS.refusal) },
      'batch-micros': { type: 'string', default: String(MICROS.batch) },
      'generator-cores': { type: 'string', default: '0' },
      seconds: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      speed: { type: 'string', default: '1' },
      trace: { type: 'string' },
      'trace-load': { type: 'string', default: '0.5' },
      against: { type: 'string' },
      json: { type: 'string' },
      bounds: { type: 'boolean', default: false },
    },
  });
}

type Values = ReturnType<typeof parse>['values'];

function chooseWorkloads(values: Values, names: readonly string[]): readonly Workload[] {
  if (values.trace !== undefined) return [traceWorkload(values.trace, number('trace-load', values['trace-load']))];
  if (values.bounds && names.length === 0) {
    const files = readdirSync(WORKLOADS_DIRECTORY).filter((file) => file.endsWith('.json'));
    return files.sort().map((file) => findWorkload(file.slice(0, -'.json'.length)));
  }
  if (names.length === 1) return [findWorkload(names[0]!)];
  throw new Error(`wanted is one workload, got ${names.length}; npm run bench -- simulate one-2x, or --help`);
}

function readMachine(values: Values): Machine {
  const cores = number('cores', values.cores);
  const generatorCores = number('generator-cores', values['generator-cores'], 0);
  if (generatorCores >= cores) throw new Error(`--generator-cores=${generatorCores} leaves nothing of ${cores} cores`);
  const readMs = number('refusal-micros', values['refusal-micros'], 0) / 1000;
  const answeredMs = number('answer-micros', values['answer-micros'], 0) / 1000;
  if (answeredMs < readMs) throw new Error('--answer-micros is less than --refusal-micros; both requests are read');
  return {
    cores,
    generatorCores,
    slots: values.slots === undefined ? Math.max(1, Math.floor(cores) - 1) : whole('slots', values.slots),
    threads: values.threads === undefined ? 1 : whole('threads', values.threads),
    costs: { readMs, answerMs: answeredMs - readMs, batchMs: number('batch-micros', values['batch-micros'], 0) / 1000 },
    seed: number('seed', values.seed),
  };
}

function choosePolicies(list: string | undefined): readonly Policy[] {
  if (list === undefined) return POLICIES;
  const unknown = list.split(',').filter((name) => POLICIES.every((policy) => policy.name !== name));
  if (unknown.length > 0) {
    throw new Error(`--policies has ${unknown.join(', ')}; there is ${POLICIES.map(({ name }) => name).join(', ')}`);
  }
  return POLICIES.filter(({ name }) => list.split(',').includes(name));
}

function number(flag: string, text: string, least = Number.MIN_VALUE): number {
  const value = Number(text);
  if (text !== '' && value >= least && value < 1e9) return value;
  throw new Error(`--${flag} is ${text}; wanted is a number ${least === 0 ? 'from 0 on' : 'above 0'}`);
}

function whole(flag: string, text: string): number {
  const value = number(flag, text);
  if (!Number.isInteger(value)) throw new Error(`--${flag} is ${text}; wanted is a whole number`);
  return value;
}
