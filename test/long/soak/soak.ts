/**
 * npm test -- soak [--minutes=30]: a server under mixed traffic with a fault every few seconds: a model's process is
 * killed, versions come and go, one of them broken, the list of models is read anew, the whole server stands still for a
 * moment. After each tenth of the time it says what the server holds. Ends with 1 if that has grown between the second
 * fifth and the last, or if a good request was not answered.
 *
 * What is looked at: resident memory of the server alone, V8's heap after a collection, descriptors, threads, and the
 * sockets, timers and other handles that Node counts.
 */
import { setMaxListeners } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, parseArgs } from 'node:util';
import { describeMachine } from '../../../bench/support/machine.ts';
import { median } from '../../../bench/support/statistics.ts';
import { modelProcesses } from '../../support/child-processes.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../support/sidecar.ts';
import { type Counts, SoakTraffic } from './traffic.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const totalMs = Number(values.minutes) * 60_000;
const FAULT_MS = 7000;
const SAMPLE_MS = Math.max(2000, totalMs / 120);

/** Largest growth: a share of what there was, and so much beside it. */
const BOUNDS = {
  resident_mib: { share: 1.1, more: 8 },
  heap_mib: { share: 1.05, more: 2 },
  descriptors: { share: 1, more: 6 },
  threads: { share: 1, more: 1 },
  handles: { share: 1, more: 6 },
} as const;

type Figure = keyof typeof BOUNDS;
type Sample = Readonly<Record<Figure, number>>;

const directory = mkdtempSync(join(tmpdir(), 'pillion-soak-'));
process.once('exit', () => {
  killSidecars();
  rmSync(directory, { recursive: true, force: true });
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function start(): Promise<Sidecar> {
  const half = join(directory, 'half');
  cpSync('examples/half_plus_two/models/half_plus_two', half, { recursive: true });
  const digits = join(process.cwd(), 'examples/digits/models/digits');
  const yaml = join(directory, 'pillion.yaml');
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  writeFileSync(
    yaml,
    [
      'models:',
      `- { name: digits, base_path: ${digits}, logging: { filename_prefix: ${join(logs, 'd')}, sampling_rate: 0.05 } }`,
      `- { name: half, base_path: ${half} }`,
      `- { name: apart, base_path: ${half}, host: process }`,
    ].join('\n'),
  );
  const resources = new URL('./report-resources.js', import.meta.url);
  // What is remembered of requests fills its memory within the first fifth, of a short soak too.
  const records = ['--capture_payloads=failed', '--request_log_file_seconds=30', '--flight_recorder_max_mib=1'];
  return startSidecar([`--config=${yaml}`, ...records], {
    NODE_OPTIONS: `--import=${resources}`,
  });
}

/** Each does its harm and lets the server recover. */
function faults(server: Sidecar): readonly (() => Promise<void> | void)[] {
  const half = join(directory, 'half');
  let version = 2;
  return [
    () => {
      for (const pid of modelProcesses(server.process.pid)) process.kill(pid, 'SIGKILL');
    },
    () => cpSync(join(half, '1'), join(half, String(version)), { recursive: true }),
    () => void server.process.kill('SIGHUP'),
    () => {
      for (const old of readdirSync(half)) {
        if (old !== '1' && old !== String(version)) rmSync(join(half, old), { recursive: true });
      }
      version += 1;
    },
    () => {
      mkdirSync(join(half, '900000'));
      writeFileSync(join(half, '900000', 'model.onnx'), 'no model');
    },
    () => rmSync(join(half, '900000'), { recursive: true }),
    async () => {
      server.process.kill('SIGSTOP');
      await pause(300);
      server.process.kill('SIGCONT');
    },
  ];
}

async function sampleOf(server: Sidecar): Promise<Sample> {
  const pid = server.process.pid!;
  const before = server.lines.length;
  server.process.kill('SIGUSR2');
  const line = await server.line((each) => each.event === 'soak_resources' && server.lines.indexOf(each) >= before);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const ofStatus = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);
  const active = Object.values(line['active'] as Record<string, number>);
  return {
    resident_mib: ofStatus('VmRSS') / 1024,
    heap_mib: (line['heapUsed'] as number) / 2 ** 20,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: ofStatus('Threads'),
    handles: active.reduce((sum, count) => sum + count, 0),
  };
}

function figuresOf(samples: readonly Sample[]): Sample {
  const figures = Object.keys(BOUNDS) as Figure[];
  return Object.fromEntries(figures.map((name) => [name, median(samples.map((each) => each[name]))])) as Sample;
}

function told(sample: Sample): string {
  return Object.entries(sample)
    .map(([name, value]) => `${name} ${value.toFixed(name.endsWith('mib') ? 1 : 0)}`)
    .join(', ');
}

/** Requests of good callers without a good answer. */
function lostOf(counts: Counts): number {
  const bad = Object.entries(counts).filter(([what]) => /^good/.test(what) && !/: (200|0)$/.test(what));
  return bad.reduce((sum, [, count]) => sum + count, 0);
}

const server = await start();
const over = new AbortController();
// One for each caller that pauses.
setMaxListeners(0, over.signal);
const traffic = new SoakTraffic(server, over.signal);
const running = traffic.run();
const list = faults(server);
const samples: Sample[] = [];
const began = performance.now();
let injected = 0;
let nextSample = SAMPLE_MS;
for (let ms = 0; ms < totalMs; ms = performance.now() - began) {
  if (ms >= FAULT_MS * (injected + 1)) await list[injected++ % list.length]!();
  if (ms >= nextSample) {
    nextSample += SAMPLE_MS;
    samples.push(await sampleOf(server));
    if (samples.length % 12 === 0) say(`${(ms / 60_000).toFixed(1)} min: ${told(samples.at(-1)!)}`);
  }
  await pause(100);
}
over.abort();
await running;
const status = await server.stop();

const fifth = Math.floor(samples.length / 5);
const early = figuresOf(samples.slice(fifth, 2 * fifth));
const late = figuresOf(samples.slice(-fifth));
const grown = (Object.keys(BOUNDS) as Figure[]).filter((name) => {
  return late[name] > early[name] * BOUNDS[name].share + BOUNDS[name].more;
});
const lost = lostOf(traffic.counts);
const requests = Object.values(traffic.counts).reduce((sum, count) => sum + count, 0);
say(`${requests} requests, ${injected} faults, ${lost} good requests lost, exit status ${status}`);
say(inspect(traffic.counts));
say(`second fifth: ${told(early)}\nlast fifth:   ${told(late)}`);
if (grown.length > 0) say(`grown: ${grown.join(', ')}`);
const result = {
  machine: describeMachine(),
  minutes: Number(values.minutes),
  requests,
  faults: injected,
  lost,
  early,
  late,
};
if (Number(values.minutes) >= 30) {
  writeFileSync('bench/results/soak.json', `${JSON.stringify({ ...result, counts: traffic.counts }, undefined, 2)}\n`);
}
if (grown.length > 0 || lost > 0 || status !== 0) process.exitCode = 1;
