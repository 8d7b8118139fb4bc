/**
 * npm run bench -- simulate: a workload on the real scheduler under a fake clock, in seconds, without a model or a
 * server.
 *
 *   node build/test/features/what-if/simulate/simulate.js [WORKLOAD] [options of options.ts]
 *
 * Prints the benchmark's tables. With --against it says how near it comes to what the benchmark measured; with --bounds
 * what no scheduler can pass.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { renderTables } from '../../../../bench/overload/render.ts';
import { forJson, type Results, type Round, revive } from '../../../../bench/overload/results.ts';
import { standsAboveCapacity, type Workload } from '../../../../bench/overload/workload.ts';
import { describeMachine } from '../../../../bench/support/machine.ts';
import { againstTable } from './against.ts';
import { boundOf, plansFor } from './bounds/workload-bounds.ts';
import { HELP, readOptions, type SimulateOptions } from './options.ts';
import { simulatedCapacities, simulateWorkload } from './simulate-workload.ts';

/** Every latency divided by `speed`. */
function atSpeed(workload: Workload, speed: number): Workload {
  const models = workload.models.map(({ latency, ...model }) => ({
    ...model,
    latency: { ...latency, baseMs: latency.baseMs / speed, perRowMs: latency.perRowMs / speed },
  }));
  return { ...workload, models, streams: workload.streams };
}

const LEAD_IN_MS = 500;

async function simulate(workload: Workload, options: SimulateOptions): Promise<Results> {
  const { rounds, policies } = options;
  const seconds = options.seconds ?? workload.seconds;
  const done: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const machine = { ...options.machine, seed: options.machine.seed + round };
    const capacities = await simulatedCapacities(workload, machine);
    const plan = { capacities, seconds, leadInMs: LEAD_IN_MS, seed: machine.seed };
    for (const policy of policies)
      done.push(await simulateWorkload({ ...workload, seconds }, policy, { machine, plan, round }));
  }
  return {
    machine: describeMachine(),
    startedAt: new Date().toISOString(),
    roundsWanted: rounds,
    workloads: [{ name: workload.name, text: workload.text, standsAboveCapacity: standsAboveCapacity(workload) }],
    incidents: [],
    rounds: done,
  };
}

/** How much faster than the workload's latencies the measured server was. */
async function measuredSpeed(measured: Results, options: SimulateOptions): Promise<number> {
  const { machine } = options;
  const workload = options.workloads[0]!;
  const rounds = measured.rounds.filter((round) => round.workload === workload.name);
  if (rounds.length === 0) throw new Error(`${options.against} has no round of ${workload.name}`);
  const mean = rounds.reduce((sum, { capacities }) => sum + capacities[0]!, 0) / rounds.length;
  const [simulated] = await simulatedCapacities(workload, machine);
  return mean / simulated!;
}

/** Prints a row for each workload as it is known. The file holds { workload: bound }. */
async function bounds(options: SimulateOptions): Promise<void> {
  const { workloads, machine, policies, seconds, rounds, json } = options;
  const plans = options.hasPlan ? [machine] : plansFor(machine.cores - machine.generatorCores);
  console.log('| in time | plan | no scheduler passes | a known future reaches | the best here | |');
  console.log('|---|---|--:|--:|--:|---|');
  const found: Record<string, number> = {};
  for (const workload of workloads) {
    const { plan, bound, schedule, best } = await boundOf(workload, { machine, plans, policies, seconds, rounds });
    found[workload.name] = bound;
    const shares = [bound, schedule, best.attainment].map((each) => each?.toFixed(3) ?? '');
    console.log(`| ${[workload.name, `${plan.slots}x${plan.threads}`, ...shares, best.policy].join(' | ')} |`);
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(found, forJson, 1)}\n`);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  if (options.wantsBounds) return bounds(options);
  const measured =
    options.against === undefined ? undefined : (JSON.parse(readFileSync(options.against, 'utf8'), revive) as Results);
  const workload = options.workloads[0]!;
  const speed = measured === undefined ? options.speed : await measuredSpeed(measured, options);
  const results = await simulate(atSpeed(workload, speed), options);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, forJson, 1)}\n`);
  console.log(renderTables(results));
  if (measured !== undefined) console.log(`\n${againstTable(results, measured, workload.name)}`);
}

try {
  await main();
} catch (error) {
  // A wrong option or workload: the text says it all.
  console.error((error as Error).message);
  process.exitCode = 1;
}
