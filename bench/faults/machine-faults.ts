/** Faults of the machine: clocks, descriptors, memory, a stopped process, a log that nobody reads. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import type { Fault, Stage } from './fault.ts';
import { pause, until } from './waiting.ts';

const NO_LOSS = { allowedRefusals: 0, allowedLoss: 0 };
const DAYS_MS = 3 * 24 * 3600 * 1000;
const MEMORY = '/sys/fs/cgroup/memory';
const LIMIT_BYTES = 512 * 2 ** 20;
const PRESSURE = 0.95;
/** Descriptors that the server may have beside its open ones. */
const SPARE_DESCRIPTORS = 20;
const IDLE_CONNECTIONS = 100;

/**
 * Shifts Date by the milliseconds in a file, whenever SIGUSR2 comes. The monotonic clock stays as it is, as when the
 * system's clock is set. (libfaketime would shift it for native code, too, which reads no wall clock here.)
 */
const SHIFT_DATE = `
const { readFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const Real = Date;
let shift = 0;
globalThis.Date = class Date extends Real {
  constructor(...args) { if (args.length === 0) super(Real.now() + shift); else super(...args); }
  static now() { return Real.now() + shift; }
};
if (isMainThread) process.on('SIGUSR2', () => { shift = Number(readFileSync(process.env.FAULT_CLOCK, 'utf8')); });
`;

export const MACHINE_FAULTS: readonly Fault[] = [
  {
    name: 'the clock jumps by ±3 days',
    injection: 'a preload shifts Date, forward and back in turn; the monotonic clock goes on',
    expectation: 'no deadline passes, and the log shows the new time',
    times: 10,
    ...NO_LOSS,
    server(directory) {
      writeFileSync(join(directory, 'shift.cjs'), SHIFT_DATE);
      const environment = {
        NODE_OPTIONS: `--require=${join(directory, 'shift.cjs')}`,
        FAULT_CLOCK: join(directory, 'clock'),
      };
      return { environment, args: ['--log_level=debug'] };
    },
    async inject({ server, directory }, i) {
      const shift = i % 2 === 0 ? DAYS_MS : -DAYS_MS;
      const from = server.lines.length;
      writeFileSync(join(directory, 'clock'), String(shift));
      process.kill(server.pid, 'SIGUSR2');
      const isShifted = (time: unknown): boolean => Math.abs((time as number) - Date.now() - shift) < 60_000;
      await server.line('the log has the new time', (line) => isShifted(line['time']), from);
      await pause(300);
    },
  },
  {
    name: 'no descriptors are left (EMFILE)',
    injection: `the limit is set to ${SPARE_DESCRIPTORS} more than are open; ${IDLE_CONNECTIONS} idle connections come for 3 s`,
    expectation:
      'open connections go on; health answers, but a connection that comes in the first quarter of a second may be reset',
    times: 3,
    allowedRefusals: 0,
    allowedLoss: 0.01,
    inject: withoutDescriptors,
  },
  {
    name: `memory at ${PRESSURE} of the cgroup’s limit`,
    injection: 'another process of the cgroup (v1, 512 MiB) takes what is left of that share, for 5 s',
    expectation: 'health answers; requests may be refused with 429 or 503 meanwhile',
    times: 2,
    allowedRefusals: 1,
    allowedLoss: 0,
    isImpossible: () =>
      process.geteuid?.() === 0 && existsSync(join(MEMORY, 'memory.limit_in_bytes'))
        ? undefined
        : 'needs root and the memory controller of cgroup v1',
    server(directory) {
      const group = groupOf(directory);
      mkdirSync(group);
      writeFileSync(join(group, 'memory.limit_in_bytes'), String(LIMIT_BYTES));
      return { cgroupProcs: join(group, 'cgroup.procs') };
    },
    inject: underMemoryPressure,
    cleanUp: (directory) => rmdirSync(groupOf(directory)),
  },
  {
    name: 'the event loop is blocked for 2 s',
    injection: 'SIGSTOP, and SIGCONT after 2 s',
    expectation: 'what came meanwhile is answered',
    times: 3,
    ...NO_LOSS,
    async inject({ server }) {
      process.kill(server.pid, 'SIGSTOP');
      await pause(2000);
      process.kill(server.pid, 'SIGCONT');
      await until('it is ready', () => server.isReady());
    },
  },
  {
    name: 'nobody reads the log',
    injection: 'its pipe is full for 3 s, under 2,000 lines',
    expectation: 'no request waits for it',
    times: 1,
    ...NO_LOSS,
    server: () => ({ args: ['--log_level=debug'] }),
    async inject({ server }) {
      server.process.stderr!.pause();
      await Promise.all([flood(server.rest, 2000), pause(3000)]);
      server.process.stderr!.resume();
      await until('it is ready', () => server.isReady());
    },
  },
];

async function withoutDescriptors({ server }: Stage): Promise<void> {
  const open = readdirSync(`/proc/${server.pid}/fd`).length;
  const before = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/limits`, 'utf8'))![1];
  const limit = (files: number | string | undefined): void => {
    execFileSync('prlimit', [`--pid=${server.pid}`, `--nofile=${files}:`]);
  };
  limit(open + SPARE_DESCRIPTORS);
  const port = Number(new URL(server.rest).port);
  const idle: Socket[] = [];
  try {
    for (let i = 0; i < IDLE_CONNECTIONS; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      idle.push(socket);
    }
    await pause(3000);
    if (!(await server.isReady())) throw new Error('health does not answer while no descriptors are left');
  } finally {
    for (const socket of idle) socket.destroy();
    limit(before);
  }
  await until('new connections are accepted', () => server.isReady());
}

function groupOf(directory: string): string {
  return join(MEMORY, directory.slice(directory.lastIndexOf('/') + 1));
}

async function underMemoryPressure({ server, directory }: Stage): Promise<void> {
  const group = groupOf(directory);
  /** The memory that the kernel cannot take back easily. */
  const held = (): number => {
    const usage = Number(readFileSync(join(group, 'memory.usage_in_bytes'), 'utf8'));
    const stat = readFileSync(join(group, 'memory.stat'), 'utf8');
    return usage - Number(/^total_inactive_file (\d+)$/m.exec(stat)![1]);
  };
  // Python takes little itself, and grows by exactly what it is told.
  const grow = 'import sys\nheld=[]\nfor line in sys.stdin: held.append(b"x"*int(line))';
  const into = `echo 1000 > /proc/$$/oom_score_adj; echo $$ > ${join(group, 'cgroup.procs')}; exec "$0" "$@"`;
  const hog = spawn('sh', ['-c', into, 'python3', '-c', grow], { stdio: ['pipe', 'ignore', 'ignore'] });
  hog.stdin.on('error', () => undefined);
  const gone = new Promise((resolve) => hog.once('exit', resolve));
  try {
    for (let i = 0; i < 100; i++) {
      const before = held();
      const wanted = PRESSURE * LIMIT_BYTES - before;
      if (wanted < 2 ** 22) break;
      const step = Math.floor(Math.min(wanted / 2, 2 ** 25));
      hog.stdin.write(`${step}\n`);
      await until('the memory is taken', () => held() > before + 0.8 * step);
    }
    const peak = held();
    if (peak < 0.9 * LIMIT_BYTES) throw new Error(`there was no pressure: ${peak} bytes`);
    for (let i = 0; i < 10; i++) {
      if (!(await server.isReady())) throw new Error('health does not answer under memory pressure');
      await pause(500);
    }
  } finally {
    hog.kill('SIGKILL');
    await gone;
  }
}

/** Sends so many small requests at once on one connection; resolves when the last one is answered. */
async function flood(rest: string, count: number): Promise<void> {
  const socket = connect(Number(new URL(rest).port), '127.0.0.1');
  const body = '{"instances":[1.0]}';
  const request = (fields: string): string =>
    `POST /v1/models/neighbour:predict HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`;
  socket.write(request('').repeat(count - 1) + request('connection: close\r\n'));
  socket.on('error', () => undefined);
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
}
