/**
 * npm run bench -- memory: what heavy models take of memory while 32 callers ask, and what of it stays.
 *
 *   node build/bench/heavy/memory.js ZOO_DIRECTORY [--models=A,B] [--seconds=20] [--main=dist/bundle/main.cjs]
 *
 * Each model is served by itself, by default and with `--max_batch_size=1`, in a new server each: resident memory of
 * its whole tree, the peak as the kernel counts it, and what is held 20 s after the last answer. `--main` measures
 * another build. Prints a Markdown table (docs/why/memory.md has one) and writes .cache/bench/heavy-memory.json.
 */
import type { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { PREDICT_PATH } from '../overload/rows.ts';
import { FREE_PORTS, LAUNCH_FLAGS } from '../support/launcher.ts';
import { processTree } from '../support/process-tree.ts';
import { startServer } from '../support/server-process.ts';
import { HEAVY_MODELS, type HeavyModel, placeModel, requestOf } from './models.ts';

const CALLS = 32;
const HELD_AFTER_MS = 20_000;
const MIB = 2 ** 20;
const PLACED = join('.cache', 'bench', 'heavy');
const SETTINGS = { 'default settings': [], '--max_batch_size=1': ['--max_batch_size=1'] };

/** The text detection gets whole pages here: they are what took gigabytes. */
const MODELS: readonly HeavyModel[] = HEAVY_MODELS.filter(({ name }) => name !== 'open-nsfw').map((model) =>
  model.name === 'ocr-det'
    ? {
        ...model,
        label: 'PP-OCRv4 text detection, 3×960×960',
        inputs: model.inputs.map((input) => ({ ...input, shape: [1, 3, 960, 960] })),
      }
    : model,
);

interface Memory {
  readonly model: string;
  readonly setting: string;
  readonly answersPerSecond: number;
  readonly failed: number;
  readonly idleMiB: number;
  readonly peakMiB: number;
  readonly heldMiB: number;
}

/** The highest resident memory that each process of the tree has had, added up, in bytes. */
function peakBytes(pid: number): number {
  const ofOne = (each: number): number => {
    try {
      return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // The process ended meanwhile.
      return 0;
    }
  };
  return processTree(pid).reduce((sum, each) => sum + ofOne(each) * 1024, 0);
}

/** CALLS callers, each with a connection of its own, ask again as soon as they are answered. */
async function askForSeconds(
  address: string,
  request: Buffer,
  seconds: number,
): Promise<Pick<Memory, 'answersPerSecond' | 'failed'>> {
  const until = performance.now() + seconds * 1000;
  const counts = { answered: 0, failed: 0 };
  const caller = async (): Promise<void> => {
    const options = { 'grpc.max_receive_message_length': -1, 'grpc.use_local_subchannel_pool': 1 };
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
    while (performance.now() < until) counts[(await ask(client, request)) ? 'answered' : 'failed'] += 1;
    client.close();
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CALLS }, caller));
  return { answersPerSecond: (counts.answered * 1000) / (performance.now() - startedAt), failed: counts.failed };
}

const asIs = (bytes: Buffer): Buffer => bytes;

function ask(client: grpc.Client, request: Buffer): Promise<boolean> {
  const options = { deadline: Date.now() + 120_000 };
  return new Promise((resolve) => {
    client.makeUnaryRequest(PREDICT_PATH, asIs, asIs, request, options, (error) => resolve(error === null));
  });
}

async function measure(
  model: HeavyModel,
  setting: string,
  args: readonly string[],
  { zoo, seconds, main }: { zoo: string; seconds: number; main: string },
): Promise<Memory> {
  const directory = placeModel(model, zoo, PLACED);
  const server = await startServer({
    name: setting,
    args: [
      ...LAUNCH_FLAGS,
      main,
      'serve',
      ...FREE_PORTS,
      `--model=${model.name}=${directory}`,
      '--log_level=info',
      ...args,
    ],
    isReady: (line) => line['event'] === 'ready',
  });
  try {
    const idleMiB = server.residentBytes() / MIB;
    const address = (server.ready['grpc'] as string[])[0]!;
    const { answersPerSecond, failed } = await askForSeconds(address, requestOf(model), seconds);
    const peakMiB = peakBytes(server.pid) / MIB;
    await sleep(HELD_AFTER_MS);
    const heldMiB = server.residentBytes() / MIB;
    return { model: model.name, setting, answersPerSecond, failed, idleMiB, peakMiB, heldMiB };
  } finally {
    await server.stop();
  }
}

function render(all: readonly Memory[]): string {
  const head =
    '| model | setting | answers a second | failed | idle MiB | peak MiB | 20 s later MiB | peak ÷ | later ÷ |';
  const rows = all.map((each) => {
    const alone = all.find(({ model, setting }) => model === each.model && setting === '--max_batch_size=1') ?? each;
    const label = MODELS.find(({ name }) => name === each.model)!.label;
    const numbers = [each.idleMiB, each.peakMiB, each.heldMiB].map((value) => value.toFixed(0));
    const ratios = [each.peakMiB / alone.peakMiB, each.heldMiB / alone.heldMiB].map((value) => value.toFixed(2));
    return `| ${[label, each.setting, each.answersPerSecond.toFixed(1), each.failed, ...numbers, ...ratios].join(' | ')} |`;
  });
  return [head, '|---|---|--:|--:|--:|--:|--:|--:|--:|', ...rows].join('\n');
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    main: { type: 'string', default: 'dist/bundle/main.cjs' },
  },
});
const wanted = values.models?.split(',');
const options = { zoo: positionals[0]!, seconds: Number(values.seconds), main: values.main };
const all: Memory[] = [];
for (const model of MODELS.filter(({ name }) => wanted?.includes(name) ?? true)) {
  for (const [setting, args] of Object.entries(SETTINGS)) {
    process.stderr.write(`${model.name}: ${setting}\n`);
    all.push(await measure(model, setting, args, options));
  }
}
writeFileSync(join('.cache', 'bench', 'heavy-memory.json'), `${JSON.stringify(all, undefined, 1)}\n`);
console.log(render(all));
