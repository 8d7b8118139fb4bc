/** One attack on one server, and what a neighbour sees of it. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { AttackEntry } from '../../test/attacks/attack-list.ts';
import type { Attacked } from './attacker.ts';
import { type Contestant, startNode, startPillion } from './contestants.ts';
import type { Neighbourly, NeighbourOrder } from './neighbour.ts';

/** Times in ms, memory in MiB. */
export interface Measured {
  readonly name: string;
  /** The neighbour without any attack. */
  readonly alone: Neighbourly;
  /** The neighbour beside a process that takes as much CPU as the attacker took. */
  readonly besideBurner: Neighbourly;
  readonly besideAttack: Neighbourly;
  readonly counts: Attacked['counts'];
  /** Shares of one core. */
  readonly attackerCpu: number;
  readonly serverCpu: number;
  readonly residentBefore: number;
  readonly residentPeak: number;
  /** Lowest within 30 s after the attack. */
  readonly residentAfter: number;
  /** How the server ended, if it did. */
  readonly ending: string | undefined;
  readonly node: {
    readonly besideAttack: Neighbourly;
    readonly residentPeak: number;
    readonly ending: string | undefined;
  };
}

export interface Duration {
  readonly seconds: number;
  readonly perSecond: number;
}

const MIB = 2 ** 20;
const GIVEN_BACK_MS = 30_000;
/** The neighbour's share of an attack lies within it. */
const LEAD_MS = 500;

/** `models`: a directory for those that the attacks need. */
export async function measureAttack(entry: AttackEntry, duration: Duration, models: string): Promise<Measured> {
  const pillion = await startPillion(models);
  try {
    const ask = neighbourOf(entry, pillion, duration);
    // Warms the server: what it then holds is what it had before.
    await ask();
    const residentBefore = residentMib(pillion);
    const alone = await ask();
    const attacked = await attackBeside(entry, pillion, duration, ask);
    const attackerCpu = attacked.cpuSeconds / duration.seconds;
    const residentAfter = await lowestResident(pillion, residentBefore);
    const besideBurner = await besideProcess(
      ['build/bench/attacks/burner.js', String(attackerCpu), String(duration.seconds + 1)],
      ask,
    );
    const ending = pillion.server.ending();
    const { besideAttack, residentPeak, serverCpu, counts } = attacked;
    const memory = { residentBefore, residentPeak, residentAfter };
    const node = await measureNode(entry, duration);
    return {
      name: entry.name,
      alone,
      besideBurner,
      besideAttack,
      counts,
      attackerCpu,
      serverCpu,
      ...memory,
      ending,
      node,
    };
  } finally {
    await pillion.server.stop();
  }
}

async function measureNode(entry: AttackEntry, duration: Duration): Promise<Measured['node']> {
  const node = await startNode();
  try {
    const ask = neighbourOf(entry, node, duration);
    const { besideAttack, residentPeak } = await attackBeside(entry, node, duration, ask);
    return { besideAttack, residentPeak, ending: node.server.ending() };
  } finally {
    await node.server.stop();
  }
}

function neighbourOf({ surface, model }: AttackEntry, { target }: Contestant, { seconds, perSecond }: Duration) {
  const order: NeighbourOrder = { surface, address: target[surface], model, seconds: seconds - 1, perSecond };
  return async (): Promise<Neighbourly> => {
    return JSON.parse(await outputOf(['build/bench/attacks/neighbour.js', JSON.stringify(order)])) as Neighbourly;
  };
}

async function attackBeside(
  { name }: AttackEntry,
  contestant: Contestant,
  { seconds }: Duration,
  ask: () => Promise<Neighbourly>,
) {
  const { server, target } = contestant;
  const cpuBefore = server.cpuSeconds();
  let residentPeak = residentMib(contestant);
  const watch = setInterval(() => {
    residentPeak = Math.max(residentPeak, residentMib(contestant));
  }, 50);
  const args = ['build/bench/attacks/attacker.js', name, String(seconds + 1), JSON.stringify(target)];
  const attacking = outputOf(args);
  await pause(LEAD_MS);
  const besideAttack = await ask();
  const { counts, cpuSeconds } = JSON.parse(await attacking) as Attacked;
  clearInterval(watch);
  const serverCpu = (server.cpuSeconds() - cpuBefore) / (seconds + 1);
  return { besideAttack, counts, cpuSeconds, residentPeak, serverCpu };
}

async function besideProcess(args: readonly string[], ask: () => Promise<Neighbourly>): Promise<Neighbourly> {
  const other = outputOf(args);
  await pause(LEAD_MS);
  const neighbourly = await ask();
  await other;
  return neighbourly;
}

/** Ends early when most has been given back. */
async function lowestResident(contestant: Contestant, before: number): Promise<number> {
  const end = performance.now() + GIVEN_BACK_MS;
  let lowest = residentMib(contestant);
  while (performance.now() < end && lowest > before * 1.05) {
    await pause(250);
    lowest = Math.min(lowest, residentMib(contestant));
  }
  return lowest;
}

function residentMib({ server }: Contestant): number {
  return server.residentBytes() / MIB;
}

/** The output of a program of Node; its errors go to standard error. */
function outputOf(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`${args[0]} ended with ${code}`));
    });
  });
}
