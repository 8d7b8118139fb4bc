/**
 * npm run bench -- heavy: does the server by itself do as much as the best plan that one could have chosen for it?
 *
 *   node build/bench/heavy/heavy.js ZOO_DIRECTORY [--models=A,B] [--plans=A,B] [--rounds=3] [--seconds=5] [--publish]
 *
 * All servers of a model are up at once and take turns, every second round backwards; whoever has no turn is stopped.
 * Without options the rounds are published: bench/results/heavy.json, and a section of docs/results/benchmarks.md.
 * Otherwise they are in .cache/bench/heavy.json.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { generateClosed, type JobTarget } from '../overload/generator-process.ts';
import { PREDICT_PATH } from '../overload/rows.ts';
import { FREE_PORTS, LAUNCHED } from '../support/launcher.ts';
import { describeMachine, watchForeignCpu } from '../support/machine.ts';
import { type ServerProcess, startServer } from '../support/server-process.ts';
import { answersOf, HEAVY_MODELS, type HeavyModel, placeModel, requestOf, requireRightAnswer } from './models.ts';
import { type HeavyRound, PLANS, type Plan } from './plans.ts';
import { type HeavyResults, renderTables, withSection } from './render.ts';

const CALLS = 32;
/** A request may be as large as a connection's window: each call has its own. */
const CONNECTIONS = CALLS;
const WARM_UP_MS = 1000;
const PORTS = [...FREE_PORTS, '--log_level=info'];
const PLACED = join('.cache', 'bench', 'heavy');
const PUBLISHED = join('bench', 'results', 'heavy.json');
const UNPUBLISHED = join('.cache', 'bench', 'heavy.json');
const DOCUMENT = join('docs', 'results', 'benchmarks.md');

interface HeavyOptions {
  readonly models: readonly HeavyModel[];
  readonly plans: readonly Plan[];
  readonly rounds: number;
  readonly seconds: number;
  readonly publish: boolean;
}

function readOptions(args: readonly string[]): HeavyOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: { type: 'string' },
      plans: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      publish: { type: 'boolean', default: false },
    },
  });
  const number = (flag: 'rounds' | 'seconds'): number => {
    const value = Number(values[flag]);
    if (!(value > 0 && value < 1000)) throw new Error(`--${flag} is ${values[flag]}; wanted is a number above 0`);
    return value;
  };
  return {
    models: choose('models', values.models, HEAVY_MODELS),
    plans: choose('plans', values.plans, PLANS),
    rounds: Math.ceil(number('rounds')),
    seconds: number('seconds'),
    publish: values.publish || args.length === 0,
  };
}

/** All without a list. Throws on a name that there is not. */
function choose<T extends { readonly name: string }>(
  flag: string,
  list: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (list === undefined) return all;
  const names = list.split(',');
  const unknown = names.filter((name) => all.every((each) => each.name !== name));
  if (unknown.length > 0)
    throw new Error(`--${flag} has ${unknown.join(', ')}; there is ${all.map(({ name }) => name).join(', ')}`);
  return all.filter(({ name }) => names.includes(name));
}

interface Running {
  readonly plan: Plan;
  readonly server: ServerProcess;
  readonly target: JobTarget;
}

/** Answers right, and is paused. Rejects with the server's output otherwise. */
async function start(
  model: HeavyModel,
  plan: Plan,
  directory: string,
  answers: Awaited<ReturnType<typeof answersOf>>,
): Promise<Running> {
  const server = await startServer({
    name: plan.name,
    args: [...LAUNCHED, 'serve', ...PORTS, `--model=${model.name}=${directory}`, ...plan.args],
    isReady: (line) => line['event'] === 'ready',
  });
  try {
    const address = (server.ready['grpc'] as string[])[0]!;
    await requireRightAnswer(address, model, answers);
    const messages = [requestOf(model).toString('base64')];
    const target: JobTarget = { address, path: PREDICT_PATH, messages, connections: CONNECTIONS };
    server.pause();
    return { plan, server, target };
  } catch (error) {
    await server.stop();
    throw new Error(`${(error as Error).message}\n${server.output()}`, { cause: error });
  }
}

async function turn(
  { plan, server, target }: Running,
  model: string,
  round: number,
  seconds: number,
): Promise<HeavyRound> {
  server.resume();
  try {
    const cpuBefore = server.cpuSeconds();
    const foreign = watchForeignCpu();
    const loop = { models: [0], zipf: 0, calls: CALLS, warmUpMs: WARM_UP_MS, measureMs: seconds * 1000, seed: 1 };
    const capacity = await generateClosed(target, loop);
    const foreignShare = foreign.share(server.cpuSeconds() - cpuBefore);
    return { model, plan: plan.name, round, ...capacity, foreignShare };
  } finally {
    server.pause();
  }
}

async function measureModel(
  model: HeavyModel,
  zoo: string,
  { plans, rounds, seconds }: HeavyOptions,
  { done, incidents, signal }: { done: HeavyRound[]; incidents: string[]; signal: AbortSignal },
): Promise<void> {
  const directory = placeModel(model, zoo, PLACED);
  const answers = await answersOf(model, join(directory, '1', 'model.onnx'));
  const running: Running[] = [];
  try {
    for (const plan of plans) {
      signal.throwIfAborted();
      say(`${model.name}: ${plan.name} starts`);
      try {
        running.push(await start(model, plan, directory, answers));
      } catch (error) {
        report(incidents, `${model.name}, ${plan.label}`, error as Error);
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const each of round % 2 === 0 ? running : [...running].reverse()) {
        signal.throwIfAborted();
        say(`${model.name}, round ${round + 1} of ${rounds}: ${each.plan.name}`);
        try {
          done.push(await turn(each, model.name, round, seconds * (model.lengthFactor ?? 1)));
        } catch (error) {
          report(incidents, `${model.name}, ${each.plan.label}, round ${round + 1}`, error as Error);
        }
      }
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()));
  }
}

function report(incidents: string[], where: string, { message }: Error): void {
  incidents.push(`${where}: ${message.split('\n')[0]!}`);
  say(`! ${where}: ${message}`);
}

const startedAt = performance.now();

function say(text: string): void {
  process.stderr.write(`${((performance.now() - startedAt) / 60_000).toFixed(1)} min · ${text}\n`);
}

function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`${name}: the servers are stopped, nothing is written`)));
  }
  return controller.signal;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}

async function main(): Promise<void> {
  const [zoo, ...args] = process.argv.slice(2);
  const options = readOptions(args);
  const begun = new Date().toISOString();
  const records = { done: [] as HeavyRound[], incidents: [] as string[], signal: interrupted() };
  for (const model of options.models) await measureModel(model, zoo!, options, records);
  const results: HeavyResults = {
    machine: describeMachine(),
    startedAt: begun,
    roundsWanted: options.rounds,
    seconds: options.seconds,
    calls: CALLS,
    incidents: records.incidents,
    rounds: records.done,
  };
  const path = options.publish ? PUBLISHED : UNPUBLISHED;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, rounded, 1)}\n`);
  if (options.publish) writeFileSync(DOCUMENT, withSection(readFileSync(DOCUMENT, 'utf8'), results));
  console.log(`${renderTables(results)}\n\nEvery round is in ${path}.`);
}

try {
  await main();
} catch (error) {
  // A wrong option or an interruption: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
