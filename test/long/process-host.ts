/**
 * npm test -- processes: does a model's process, or the server's side of it, keep memory? 200 loads and closes, then
 * 50,000 runs in one process of which every tenth is wrong, then 200 loads and closes in a process that another model
 * shares. Resident memory of either side may grow by a tenth from when a tenth of the work is done. Ends with 1 where
 * it grows more, or where a process is left.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { collectGarbage } from '../../src/api/contract/collect-garbage.ts';
import type { HostedSession } from '../../src/backends/host/hosted-session.ts';
import { ProcessGroup } from '../../src/backends/host/process/process-group.ts';
import { startProcessHost } from '../../src/backends/host/process/process-host.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type NumericTensor, numericTensor } from '../../src/core/tensor.ts';
import { modelProcesses } from '../support/child-processes.ts';
import { batchOf } from '../support/fake-model.ts';
import { installed } from '../support/listed-features.ts';
import { onnxModel } from '../support/onnx-model.ts';

const CYCLES = 200;
const RUNS = 50_000;
const WRONG_EACH = 10;
const ROWS = 1000;
const LARGEST_GROWTH = 1.1;

/** The best that this machine allows. */
const { sandbox } = (await installed(['sandbox'])).models;
const directory = mkdtempSync(join(tmpdir(), 'pillion-long-'));
chmodSync(directory, 0o755);
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
const x = { name: 'x', dtype: 'float32', dims: ['rows'] } as const;
const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }];
writeFileSync(join(directory, 'model.onnx'), onnxModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], nodes }));

const good = numericTensor('float32', [ROWS], new Float32Array(ROWS));
const wrong = numericTensor('float32', [1, ROWS], new Float32Array(ROWS));
const cycled = await watch('loads and closes, the server', CYCLES, async () => {
  const host = await start();
  await run(host, good);
  await host.close();
});
const host = await start();
let residentBefore: number | undefined;
const served = await watch(`runs, every ${WRONG_EACH}th wrong, the server`, RUNS, async (i) => {
  if (i % WRONG_EACH !== 0) return run(host, good);
  const error = await run(host, wrong).catch((thrown: Error) => thrown);
  if (!(error instanceof Error)) throw new Error('a wrong run was taken for a good one');
  if (i === RUNS / 10) residentBefore = await freshResident(host);
});
const grownOutside = (await freshResident(host)) / residentBefore!;
say(`the same, the model's process: ${grownOutside.toFixed(2)} × of what it had after a tenth`);
await host.close();
const group = new ProcessGroup('g');
const stays = await start(group);
let groupBefore: number | undefined;
const joined = await watch('loads and closes in a shared process, the server', CYCLES, async (i) => {
  const comes = await start(group);
  await Promise.all([run(comes, good), run(stays, good)]);
  await comes.close();
  if (i + 1 === CYCLES / 10) groupBefore = await freshResidentOf(group);
});
const grownGroup = (await freshResidentOf(group)) / groupBefore!;
say(`the same, the shared process: ${grownGroup.toFixed(2)} × of what it had after a tenth`);
await stays.close();
const left = modelProcesses().length;
say(`processes left: ${left}`);
if (left > 0 || Math.max(cycled, served, grownOutside, joined, grownGroup) > LARGEST_GROWTH) process.exitCode = 1;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function start(processGroup?: ProcessGroup): Promise<HostedSession> {
  const loadOptions = { intraOpThreads: 1, executionProvider: 'cpu' };
  const model = { model: 'm', versionDirectory: directory, backendModule: 'onnx', loadOptions };
  return startProcessHost({ ...model, slots: 1, clock: systemClock, processGroup, sandbox });
}

async function run({ executor }: HostedSession, tensor: NumericTensor): Promise<void> {
  await executor.run({ ...batchOf(), inputs: new Map([['x', tensor]]), size: ROWS });
}

/** Resident memory at the end over that after a tenth. */
async function watch(what: string, count: number, work: (i: number) => Promise<void>): Promise<number> {
  let before = 0;
  for (let i = 0; i < count; i++) {
    await work(i);
    if (i + 1 === count / 10) before = resident();
  }
  const ratio = resident() / before;
  say(`${count} ${what}: ${Math.round(before / 2 ** 20)} MiB after a tenth, then ${ratio.toFixed(2)} ×`);
  return ratio;
}

/** Without what V8 keeps free: it doubles its young generation under load, from 1 MiB to 16. */
function resident(): number {
  collectGarbage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - heapTotal + heapUsed;
}

/** The memory in its next heartbeats: two, since the first may have been on its way. */
async function freshResident({ residentBytes }: Pick<HostedSession, 'residentBytes'>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 2500));
  return residentBytes!()!;
}

function freshResidentOf({ processes }: ProcessGroup): Promise<number> {
  return freshResident({ residentBytes: () => processes[0]!.residentBytes });
}
