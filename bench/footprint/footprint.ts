/**
 * npm run bench -- footprint: start, and memory by what it is, of Pillion beside bare Node and, where they are at hand,
 * Envoy and Triton. Each is started in turn, several times; all figures are medians. One that Python starts, Triton,
 * has its Python processes in the sums.
 *
 *   node build/bench/footprint/footprint.js MODELS [--rounds=5] [--seconds=3] [--idle=3] [--main=dist/bundle/main.cjs]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadModel } from '../compare/models.ts';
import { processTree } from '../support/process-tree.ts';
import { median } from '../support/statistics.ts';
import { type Entrant, entrants } from './entrants.ts';
import { type MemoryMap, memoryMap, totalOf } from './memory-map.ts';

interface Figures {
  readonly startMs: number;
  readonly cpuMs: number;
  readonly idle: MemoryMap;
  /** Megabytes at the end of the load; undefined without one. */
  readonly loadedMib: number | undefined;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    idle: { type: 'string', default: '3' },
    main: { type: 'string', default: 'dist/bundle/main.cjs' },
  },
});
const directory = mkdtempSync(join(tmpdir(), 'pillion-footprint-'));
try {
  const nothing = join(directory, 'models.conf');
  writeFileSync(nothing, 'model_config_list {}\n');
  const model = await loadModel('mlp_small', positionals[0] ?? '.');
  const all = entrants(model, values.main, nothing, process.env['PILLION_TEST_ENVOY']);
  for (const name of ['envoy', 'triton']) {
    if (!all.some((entrant) => entrant.name.startsWith(name))) console.log(`${name} is not installed here: left out`);
  }
  const results = new Map<string, Figures[]>(all.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const entrant of all) results.get(entrant.name)!.push(await measure(entrant));
  }
  print(results);
} finally {
  rmSync(directory, { recursive: true });
}

async function measure(entrant: Entrant): Promise<Figures> {
  const { server, startMs, load, stop } = await entrant.start();
  try {
    const cpuMs = server.cpuSeconds() * 1000;
    await delay(Number(values.idle) * 1000);
    const idle = memoryMap(processTree(server.pid));
    await load?.(Number(values.seconds));
    const loadedMib = load === undefined ? undefined : totalOf(memoryMap(processTree(server.pid))).resident;
    return { startMs, cpuMs, idle, loadedMib };
  } finally {
    await stop();
  }
}

function print(results: ReadonlyMap<string, readonly Figures[]>): void {
  const of = (figures: readonly Figures[], value: (each: Figures) => number): string =>
    median(figures.map(value)).toFixed(0);
  console.log('\n| | start ms | CPU ms | idle MiB | of it own | under load MiB |\n|---|--:|--:|--:|--:|--:|');
  for (const [name, figures] of results) {
    const loaded = figures[0]?.loadedMib === undefined ? '–' : of(figures, ({ loadedMib }) => loadedMib!);
    const total = (part: 'resident' | 'own'): string => of(figures, ({ idle }) => totalOf(idle)[part]);
    const start = `${of(figures, ({ startMs }) => startMs)} | ${of(figures, ({ cpuMs }) => cpuMs)}`;
    console.log(`| ${name} | ${start} | ${total('resident')} | ${total('own')} | ${loaded} |`);
  }
  const parts = [...([...results.values()][0]?.[0]?.idle.keys() ?? [])];
  console.log(`\n| idle, resident MiB | ${[...results.keys()].join(' | ')} |\n|---|${'--:|'.repeat(results.size)}`);
  for (const part of parts) {
    const cells = [...results.values()].map((figures) => of(figures, ({ idle }) => idle.get(part)!.resident));
    console.log(`| ${part} | ${cells.join(' | ')} |`);
  }
}
