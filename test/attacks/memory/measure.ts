/**
 * Runs each attack on a sidecar under a memory limit, beside a neighbour, and prints what became of all three:
 *
 *   node build/test/attacks/memory/measure.js [ATTACK…] [--limit-mib N] [--seconds N] [--settle N] [--bin PATH] [-- FLAGS]
 *
 * The limit is a real cgroup of version 1, which needs root; 0 = none. Attacks run in a process of their own.
 */
import { fork, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Counts } from '../driving.ts';
import { type Attack, type Target, withNeighbour } from './attack.ts';
import * as bombs from './compression-bombs.ts';
import { heldMessages, trickledBodies } from './held-bodies.ts';
import { pipelinedPages, zeroWindows } from './unread-answers.ts';

const ATTACKS: Readonly<Record<string, Attack>> = {
  ...bombs,
  heldMessages,
  trickledBodies,
  zeroWindows,
  pipelinedPages,
  nobody: async () => ({}),
};
const MIB = 2 ** 20;
const PER_SECOND = 200;
const GROUP = `/sys/fs/cgroup/memory/pillion-${process.pid}`;

if (process.send !== undefined) {
  process.once('message', ({ name, target, seconds }: { name: string; target: Target; seconds: number }) => {
    void ATTACKS[name]!(target, seconds, new AbortController().signal).then((counts) => {
      process.send!(counts, () => process.exit(0));
    });
  });
} else await main();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'limit-mib': { type: 'string', default: '512' },
      seconds: { type: 'string', default: '20' },
      settle: { type: 'string', default: '30' },
      bin: { type: 'string', default: 'bin/pillion' },
      flag: { type: 'string', multiple: true, default: [] },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(ATTACKS);
  for (const name of names) {
    const limit = Number(values['limit-mib']) * MIB;
    await measure(name, values.bin, values.flag, limit, Number(values.seconds), Number(values.settle));
  }
}

async function measure(
  name: string,
  bin: string,
  flags: readonly string[],
  limit: number,
  seconds: number,
  settle: number,
): Promise<void> {
  const server = await start(bin, flags, limit);
  const sample = (): number => residentMib(server.pid);
  await withNeighbour(server.target, PER_SECOND, AbortSignal.timeout(3000));
  await wait(1000);
  const before = sample();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, sample());
  }, 100);
  const attack = attackApart(name, server.target, seconds);
  const beside = await withNeighbour(server.target, PER_SECOND, AbortSignal.timeout(seconds * 1000));
  const counts = await attack;
  clearInterval(watch);
  await wait(settle * 1000);
  const after = sample();
  const line = {
    attack: name,
    survived: server.isAlive(),
    rss_before: before,
    rss_peak: peak,
    rss_after: after,
    grown: Number((after / before).toFixed(2)),
    success: Number((beside.answered / beside.sent).toFixed(4)),
    p50_ms: Number(beside.p50.toFixed(1)),
    p99_ms: Number(beside.p99.toFixed(1)),
    failures: beside.failures,
    counts,
    refused: await server.refusals(),
    left_mib: await server.left(),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  await server.stop();
}

function attackApart(name: string, target: Target, seconds: number): Promise<Counts> {
  const child = fork(fileURLToPath(import.meta.url));
  return new Promise((resolve) => {
    child.once('message', (counts) => resolve(counts as Counts));
    child.once('exit', () => resolve({}));
    child.send({ name, target, seconds });
  });
}

async function start(bin: string, flags: readonly string[], limit: number) {
  const args = ['serve', '--model=digits=examples/digits/models/digits', '--bind_address=127.0.0.1'];
  const ports = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--log_level=warn'];
  const enter = limit > 0 ? `echo $$ > ${GROUP}/cgroup.procs && ` : '';
  if (limit > 0) {
    mkdirSync(GROUP);
    writeFileSync(`${GROUP}/memory.limit_in_bytes`, String(limit));
  }
  const all = [bin, ...args, ...ports.filter((each) => !each.startsWith('--log_level')), ...flags];
  const child = spawn('sh', ['-c', `${enter}exec ${all.join(' ')}`], { stdio: ['ignore', 'inherit', 'pipe'] });
  let isAlive = true;
  child.once('exit', (code, signal) => {
    isAlive = false;
    if (code !== 0) process.stdout.write(`the server ended: ${code ?? signal}\n`);
  });
  const lines = createInterface({ input: child.stderr });
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the server has ended')));
    lines.on('line', (text) => {
      if (!text.startsWith('{')) return;
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line['event'] === 'ready') resolve(line);
      if (line['event'] === 'overload' && process.env['SHOW'] !== undefined) process.stdout.write(`${text}\n`);
    });
  });
  const [grpc] = ready['grpc'] as string[];
  const [rest] = ready['rest'] as string[];
  const admin = ready['admin'] as string;
  return {
    target: { grpc: grpc!, rest: `http://${rest}` },
    pid: child.pid!,
    isAlive: () => isAlive,
    refusals: async (): Promise<Record<string, number>> => {
      if (!isAlive) return {};
      const page = await (await fetch(`http://${admin}/metrics`)).text();
      const found = page.matchAll(/^pillion_overload_refused_total\{reason="(\w+)"\} (\d+)$/gm);
      return Object.fromEntries([...found].map(([, reason, n]) => [reason, Number(n)]));
    },
    /** What V8 still has. */
    left: async (): Promise<Record<string, number>> => {
      if (!isAlive) return {};
      const page = await (await fetch(`http://${admin}/metrics`)).text();
      const found = page.matchAll(/^nodejs_(heap_size_total|external_memory)_bytes (\d+)$/gm);
      return Object.fromEntries([...found].map(([, name, bytes]) => [name, Math.round(Number(bytes) / MIB)]));
    },
    stop: async (): Promise<void> => {
      if (isAlive) {
        child.kill('SIGTERM');
        await new Promise((resolve) => child.once('exit', resolve));
      }
      if (limit > 0) rmdirSync(GROUP);
    },
  };
}

function residentMib(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}
