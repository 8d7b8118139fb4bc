/**
 * Attacks a sidecar, one attack after the other, each on a fresh one beside a well-behaved neighbour, and prints a table.
 *
 *   node build/test/attacks/measure.js [--seconds=10] [ATTACK…]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../support/sidecar.ts';
import { type Counts, targetOf } from './attack.ts';
import { ATTACKS } from './attacks.ts';
import { type Neighbour, neighbour } from './neighbour.ts';

const SELF = fileURLToPath(import.meta.url);
/** USER_HZ of /proc. */
const TICKS_PER_SECOND = 100;
const MIB = 2 ** 20;
/** The attack has begun; afterwards: how long memory has to come back. */
const BEGIN_MS = 2000;
const AFTER_MS = 5000;

function cpuSeconds({ process: { pid } }: Sidecar): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMib({ process: { pid } }: Sidecar): number {
  return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / MIB;
}

interface Figures {
  readonly neighbour: Neighbour;
  readonly counts: Counts;
  readonly cpu: number;
  readonly rss: readonly [before: number, most: number, after: number];
}

async function measure(name: string, seconds: number): Promise<Figures> {
  const { surface } = ATTACKS[name]!;
  const sidecar = await startSidecar(DIGITS);
  const address = surface === 'grpc' ? sidecar.grpc : sidecar.rest.slice('http://'.length);
  await neighbour(surface, address, 2);
  const before = residentMib(sidecar);
  const attacker = fork(SELF, ['--as', name, address, String(seconds + BEGIN_MS / 1000)]);
  const said = once(attacker, 'message');
  await pause(BEGIN_MS);
  const cpuBefore = cpuSeconds(sidecar);
  let most = before;
  const looks = setInterval(() => {
    most = Math.max(most, residentMib(sidecar));
  }, 200);
  const figures = await neighbour(surface, address, seconds);
  const cpu = (cpuSeconds(sidecar) - cpuBefore) / seconds;
  clearInterval(looks);
  const [counts] = (await said) as [Counts];
  await pause(AFTER_MS);
  const after = residentMib(sidecar);
  await sidecar.stop();
  return { neighbour: figures, counts, cpu, rss: [before, most, after] };
}

function rowOf(name: string, { neighbour: n, counts, cpu, rss }: Figures): string {
  const share = (part: number, whole: number): string => (part / whole).toFixed(4);
  const counted = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  const cells = [
    name,
    share(n.good, n.sent),
    n.p99Ms.toFixed(1),
    share(n.checkedWell, n.checked),
    cpu.toFixed(2),
    rss.map((mib) => mib.toFixed(0)).join(' / '),
    counted.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { seconds: { type: 'string', default: '10' } },
    allowPositionals: true,
  });
  const names = positionals.length === 0 ? Object.keys(ATTACKS) : positionals;
  for (const name of names) if (ATTACKS[name] === undefined) throw new Error(`no attack "${name}"`);
  process.stdout.write(
    '| attack | answers | p99 ms | new clients | cores | MiB before / most / after | what it did |\n|---|---|---|---|---|---|---|\n',
  );
  for (const name of names) {
    try {
      process.stdout.write(`${rowOf(name, await measure(name, Number(values.seconds)))}\n`);
    } catch (error) {
      process.stdout.write(`| ${name} | failed: ${String(error).slice(0, 200)} |\n`);
    }
    killSidecars();
  }
}

if (process.argv[2] === '--as') {
  const [name, address, seconds] = process.argv.slice(3) as [string, string, string];
  const counts = await ATTACKS[name]!.attack(targetOf(address), Number(seconds), new AbortController().signal);
  process.send!(counts);
  process.disconnect();
} else await main();
