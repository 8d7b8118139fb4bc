/**
 * The cost of a host: the same batches of the same model on each, one at a time, in interleaved rounds. CPU time per
 * batch of the whole process, and of the model's own where it has one, and latency from the memory for its inputs to
 * its outputs; ratios are taken round by round.
 *
 * Twice: with cores that fall asleep between batches, where waking one costs more than all else, and with cores that
 * are kept awake by neighbours of the lowest priority, as the requests of a busy server would.
 *
 * Usage: node build/bench/micro/hosts.js MODELS [ROUNDS], where MODELS is what bench/models/export.py wrote.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism, constants, loadavg, setPriority } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { HostedSession } from '../../src/backends/host/hosted-session.ts';
import { startInlineHost } from '../../src/backends/host/inline-host.ts';
import { startProcessHost } from '../../src/backends/host/process/process-host.ts';
import { startThreadHost } from '../../src/backends/host/thread/thread-host.ts';
import { loadOptionsOf } from '../../src/backends/load-options.ts';
import { backend } from '../../src/backends/onnx/onnx-backend.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Executor } from '../../src/core/executor.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature } from '../../src/core/signature.ts';
import type { TensorMap } from '../../src/core/tensor.ts';
import { mainThreadMicros, processTree } from '../support/process-tree.ts';
import { median, medianRatio } from '../support/statistics.ts';
import { takeTurns } from '../support/turns.ts';

interface Contender {
  readonly name: string;
  /** CPU time of processes beside this one since their start. */
  readonly outsideMicros: () => number;
  run(rows: number): Promise<TensorMap> | TensorMap;
  close(): Promise<void>;
}

const MODELS = ['half_plus_two', 'mlp_small'];
const ROWS = [1, 32];
const MICROS_PER_ROUND = 40_000;
const WARM_UP_ROUNDS = 3;
/** The bytes that the scheduler copies from, for any model. */
const ROWS_SENT = new Uint8Array(2 ** 20).fill(0x3f);

const [models, rounds = '40'] = process.argv.slice(2);
if (models === undefined) throw new Error('usage: hosts.js MODELS [ROUNDS]');
console.log(`load average before: ${loadavg()[0]!.toFixed(2)}; ${rounds} rounds, medians; × direct in the same round`);
await compareAll(models, 'asleep');
const neighbours = Array.from({ length: availableParallelism() }, startNeighbour);
await compareAll(models, 'awake');
for (const neighbour of neighbours) neighbour.kill();

async function compareAll(directory: string, cores: string): Promise<void> {
  console.log(`cores ${cores}`);
  console.log('model          rows  host        CPU µs  × direct   latency µs  × direct');
  for (const model of MODELS) {
    const contenders = await start(model, join(directory, model, '1'));
    for (const rows of ROWS) await compare(model, contenders, rows);
    for (const { close } of contenders) await close();
  }
}

/** Keeps one core busy while nobody else wants it. */
function startNeighbour(): ChildProcess {
  const neighbour = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  setPriority(neighbour.pid!, constants.priority.PRIORITY_LOW);
  process.once('exit', () => neighbour.kill());
  return neighbour;
}

async function start(model: string, versionDirectory: string): Promise<Contender[]> {
  const loadOptions = { intraOpThreads: 1, executionProvider: 'cpu' };
  const options = { model, versionDirectory, backendModule: 'onnx', loadOptions, slots: 1, clock: systemClock };
  const session = await backend.load(versionDirectory, loadOptionsOf(loadOptions));
  const signature = session.signatures.get(DEFAULT_SIGNATURE_NAME)!;
  const heap = { allocate: (bytes: number) => new ArrayBuffer(bytes) };
  const outputs = [...signature.outputs.keys()];
  return [
    {
      name: 'direct',
      outsideMicros: () => 0,
      run: (rows) =>
        session.runSync!(DEFAULT_SIGNATURE_NAME, inputsOf(signature, rows, heap), outputs, { deadline: Infinity }),
      close: () => session.close(),
    },
    hosted('inline', await startInlineHost(options)),
    hosted('mailbox', await startThreadHost(options)),
    hosted('message', await startThreadHost({ ...options, slabBytes: 0 })),
    await hostedOutside('process', () => startProcessHost(options)),
  ];
}

async function hostedOutside(name: string, start: () => Promise<HostedSession>): Promise<Contender> {
  const before = new Set(processTree(process.pid));
  const host = await start();
  const started = processTree(process.pid).filter((pid) => !before.has(pid));
  return hosted(name, host, () => started.reduce((sum, pid) => sum + mainThreadMicros(pid), 0));
}

function hosted(
  name: string,
  { signatures, executor, close }: HostedSession,
  outsideMicros: () => number = () => 0,
): Contender {
  const signature = signatures.get(DEFAULT_SIGNATURE_NAME)!;
  const outputs = [...signature.outputs.keys()];
  return {
    name,
    outsideMicros,
    run: async (rows) => {
      const inputs = inputsOf(signature, rows, executor);
      const batch = { signatureName: DEFAULT_SIGNATURE_NAME, inputs, outputs, size: rows, deadline: Infinity };
      return (await executor.run(batch)).outputs;
    },
    close,
  };
}

/** Float32 rows, as the scheduler would copy them together. */
function inputsOf({ inputs }: Signature, rows: number, memory: Pick<Executor, 'allocate'>): TensorMap {
  const made = new Map();
  for (const [name, { shape }] of inputs) {
    const dims = [rows, ...shape!.slice(1)];
    const bytes = 4 * dims.reduce((a, b) => a * b, 1);
    const data = new Uint8Array(memory.allocate(bytes), 0, bytes);
    data.set(ROWS_SENT.subarray(0, data.byteLength));
    made.set(name, { dtype: 'float32', shape: dims, data });
  }
  return made;
}

async function compare(model: string, contenders: readonly Contender[], rows: number): Promise<void> {
  const turns = { rounds: Number(rounds), warmUpRounds: WARM_UP_ROUNDS };
  const figures = await takeTurns(contenders, turns, (contender) => measure(contender, rows));
  const cpu = figures.map((all) => all.map(({ cpuMicros }) => cpuMicros));
  const latency = figures.map((all) => all.map(({ latencyMicros }) => latencyMicros));
  for (const [i, { name }] of contenders.entries()) {
    const cells = [
      model.padEnd(14),
      String(rows).padStart(4),
      ` ${name.padEnd(8)}`,
      median(cpu[i]!).toFixed(1).padStart(9),
      medianRatio(cpu[i]!, cpu[0]!).toFixed(2).padStart(9),
      median(latency[i]!).toFixed(1).padStart(12),
      medianRatio(latency[i]!, latency[0]!).toFixed(2).padStart(9),
    ];
    console.log(cells.join(' '));
  }
}

async function measure(
  { run, outsideMicros }: Contender,
  rows: number,
): Promise<{ cpuMicros: number; latencyMicros: number }> {
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  const outsideBefore = outsideMicros();
  const end = performance.now() + MICROS_PER_ROUND / 1000;
  let checked = 0;
  for (let now = performance.now(); now < end; ) {
    checked += (await run(rows)).size;
    const after = performance.now();
    times.push((after - now) * 1000);
    now = after;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  if (checked !== times.length) throw new Error('a batch without outputs');
  const cpuMicros = user + system + outsideMicros() - outsideBefore;
  return { cpuMicros: cpuMicros / times.length, latencyMicros: median(times) };
}
