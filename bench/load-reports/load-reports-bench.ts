/**
 * npm run bench -- load-reports: three sidecars, one of them three times as slow, behind balancers that go by load
 * reports and behind the same in turn ("round robin"), at a rate at which a third of the requests is more than the slow
 * one can do, while the three together have room.
 *
 *   client ─▶ Envoy, or grpc-js's own balancer ─▶ 3 sidecars ─▶ 3 machines made up by test/mesh/timed-model.ts
 *
 *   node build/bench/load-reports/load-reports-bench.js [--rounds=3] [--seconds=6] [--load=0.65]
 *       [--slowness=3] [--only=TEXT]
 *
 * The balancers take turns, round by round, over the same sidecars. Prints, of each balancer, medians of the rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../src/core/repeatable/seeded-random.ts';
import { type Envoy, startEnvoy } from '../../test/mesh/envoy.ts';
import type { EnvoyOptions } from '../../test/mesh/envoy-config.ts';
import { type GrpcClient, grpcClient, restAddress } from '../../test/mesh/half-plus-two.ts';
import { startTimedModel, TIMED_FLAGS, type TimedModel } from '../../test/mesh/timed-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../test/support/sidecar.ts';
import { median } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';
import { type Measured, PATIENCE_MS, runOpenLoop } from './open-loop.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    load: { type: 'string', default: '0.65' },
    slowness: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
/** Balancers have weights by then: one second until they trust a report, and two until the figures are theirs. */
const LEAD_IN_MS = 5000;
/** Rest between two turns, in which queues run empty. */
const REST_MS = 3500;
const SEED = 7;

interface Balancer {
  readonly name: string;
  readonly client: GrpcClient;
}

interface Turn extends Measured {
  /** Shares of the requests, by sidecar. */
  readonly shares: readonly number[];
}

const cleanUps: (() => unknown)[] = [];
const context = { after: (clean: () => unknown) => void cleanUps.push(clean) } as Parameters<typeof startEnvoy>[0];

async function startEnvoys(sidecars: readonly Sidecar[]): Promise<Balancer[]> {
  const hosts = { grpc: sidecars.map(({ grpc }) => grpc), rest: sidecars.map(restAddress), weighsEachS: 1 };
  const start = async (name: string, options: Partial<EnvoyOptions>): Promise<Balancer> => {
    const envoy: Envoy = await startEnvoy(context, { ...hosts, ...options });
    return { name: `Envoy, ${name}`, client: grpcClient(envoy.address) };
  };
  return [
    await start('round robin', {}),
    await start('reports in band', { reports: 'in band' }),
    await start('reports out of band', { reports: 'out of band' }),
  ];
}

/** Not in band: grpc-js 1.14.7 parses the description of reports for each answer, which fills this process. */
function grpcJsBalancers(sidecars: readonly Sidecar[]): Balancer[] {
  const target = `ipv4:${sidecars.map(({ grpc }) => grpc).join(',')}`;
  const balancer = (name: string, policy: object): Balancer => ({
    name: `grpc-js, ${name}`,
    client: grpcClient(target, { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [policy] }) }),
  });
  const each = { blackout_period: '1s', weight_update_period: '1s' };
  const outOfBand = { enable_oob_load_report: true, oob_load_reporting_period: '1s' };
  return [
    balancer('round robin', { round_robin: {} }),
    balancer('reports out of band', { weighted_round_robin: { ...each, ...outOfBand } }),
  ];
}

/** Predicts that a sidecar has answered or refused until now. */
async function predictsOf({ admin }: Sidecar): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const counts = text.matchAll(/^pillion_request_duration_seconds_count\{[^}]*method="Predict"[^}]*\} (\S+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function takeTurn({ client }: Balancer, sidecars: readonly Sidecar[], rate: number): Promise<Turn> {
  let before: number[] = [];
  const measured = await runOpenLoop({
    ...{ rate, leadInMs: LEAD_IN_MS, lengthMs: Number(values.seconds) * 1000, random: new SeededRandom(SEED) },
    send: () => client.predict([1], { deadline: Date.now() + PATIENCE_MS }),
    onMeasure: async () => {
      before = await Promise.all(sidecars.map(predictsOf));
    },
  });
  const counts = (await Promise.all(sidecars.map(predictsOf))).map((count, i) => count - before[i]!);
  const all = counts.reduce((sum, count) => sum + count, 0);
  await pause(REST_MS);
  return { ...measured, shares: counts.map((count) => count / all) };
}

function print(balancers: readonly Balancer[], turns: readonly (readonly Turn[])[]): void {
  console.log(`${'balancer'.padEnd(30)}  p50 ms  p99 ms  not answered  shares (the last one is slow)`);
  for (const [i, { name }] of balancers.entries()) {
    const of = (figure: (turn: Turn) => number): number => median(turns[i]!.map(figure));
    const shares = [0, 1, 2].map((host) => of((turn) => turn.shares[host]!).toFixed(2));
    const [p50, p99] = [of((turn) => turn.p50), of((turn) => turn.p99)].map((ms) => ms.toFixed(0).padStart(6));
    const missed = `${(100 * of((turn) => turn.missed)).toFixed(1)} %`.padStart(12);
    const each = turns[i]!.map(({ p99: ms }) => ms.toFixed(0)).join(' ');
    console.log(`${name.padEnd(30)}  ${p50}  ${p99}  ${missed}  ${shares.join(' ')}   p99 by round: ${each}`);
  }
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-bench-'));
  cleanUps.push(() => rmSync(directory, { recursive: true, force: true }));
  const machines: TimedModel[] = [];
  for (const [i, slowness] of [1, 1, Number(values.slowness)].entries()) {
    machines.push(await startTimedModel(join(directory, String(i)), slowness));
  }
  const flags = [...TIMED_FLAGS, '--load_reports=always'];
  const sidecars = await Promise.all(machines.map(({ flag }) => startSidecar([flag, ...flags])));
  const capacity = machines.reduce((sum, machine) => sum + machine.capacity, 0);
  const rate = capacity * Number(values.load);
  const capacities = machines.map((machine) => machine.capacity.toFixed(0)).join(' + ');
  console.log(
    `${rate.toFixed(0)} requests a second, ${(rate / 3).toFixed(0)} for each in turn; they can do ${capacities}`,
  );
  const all = [...(await startEnvoys(sidecars)), ...grpcJsBalancers(sidecars)];
  const balancers = all.filter(({ name }) => name.includes(values.only));
  cleanUps.push(() => Promise.all(machines.map((machine) => machine.stop())), killSidecars);
  cleanUps.push(() => {
    for (const { client } of balancers) client.close();
  });
  const turns = await takeTurns(balancers, { rounds: Number(values.rounds), warmUpRounds: 0 }, (balancer) =>
    takeTurn(balancer, sidecars, rate),
  );
  print(balancers, turns);
}

try {
  await main();
} finally {
  for (const clean of cleanUps.reverse()) await clean();
}
