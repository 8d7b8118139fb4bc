/** Results as text: tables for the terminal, docs/results/benchmarks.md and its plots for everyone else. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sectionIn as heavySectionIn } from '../heavy/render.ts';
import { median } from '../support/statistics.ts';
import { labelOf } from './contestants.ts';
import type { ModelName } from './models.ts';
import { type Ratio, ratiosOf } from './ratios.ts';
import { BUSY_SHARE, type Cell, cellsOf, figureOf, medianOf, type Results, type Round, roundsOf } from './results.ts';
import { type Bar, barPlot, formatNumber } from './svg-plot.ts';

const MODEL_TEXTS: Readonly<Record<ModelName, string>> = {
  mlp_small: 'A network of 128-512-512-10, one row of 128 floats a request',
  half_plus_two: '`y = x / 2 + 2`, one number a request: the servers’ own cost and nothing else',
  digits: 'The digits example, one scan of 64 grey levels a request, two outputs',
  mlp_big: 'A network of 1024-2048-2048-2048-1000 (50 MB), one row of 1,024 floats a request',
  image_mean: 'The mean of each channel of a 3×224×224 image: 602 KB a request, next to no arithmetic',
};
const PLOTS = 'benchmarks';

/** Tables of the ratios and of every model. */
export function renderTables(results: Results): string {
  const sections = modelsOf(results).map((model) => `### ${model}\n\n${modelTables(results, model).join('\n\n')}`);
  return [ratioTable(ratiosOf(results)), ...sections].join('\n\n');
}

/** Writes DOCS/benchmarks.md and DOCS/benchmarks/*.svg; plots of an earlier run go. */
export function renderDocument(results: Results, docs: string): void {
  rmSync(join(docs, PLOTS), { recursive: true, force: true });
  mkdirSync(join(docs, PLOTS), { recursive: true });
  const sections = modelsOf(results).map((model) => {
    const plots = groupsOf(results, model).map(([surface, connections]) => {
      const file = `${model}-${surface}-${connections}.svg`;
      writeFileSync(join(docs, PLOTS, file), plotOf(results, model, surface, connections));
      return `![Requests a second, ${model}, ${surface}, ${many(connections)}](${PLOTS}/${file})`;
    });
    return [`## ${model}`, `${MODEL_TEXTS[model]}.`, ...plots, ...modelTables(results, model)].join('\n\n');
  });
  const path = join(docs, 'benchmarks.md');
  const parts = [
    introduction(results),
    `## Ratios\n\n${ratioTable(ratiosOf(results))}`,
    ...sections,
    startTable(results),
    closing(results),
    // The section of another benchmark, which this one leaves as it is.
    existsSync(path) ? heavySectionIn(readFileSync(path, 'utf8')) : '',
  ];
  writeFileSync(path, `${parts.filter((part) => part !== '').join('\n\n')}\n`);
}

function modelsOf(results: Results): ModelName[] {
  return [...new Set(results.rounds.map(({ model }) => model))];
}

function introduction(results: Results): string {
  const { machine, startedAt, roundsWanted, secondsEach } = results;
  return `# Benchmarks

Made by \`npm run bench -- compare\` on ${startedAt.slice(0, 10)}: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel},
Node ${machine.node}. The rounds behind each figure are in [bench/results/compare.json](../../bench/results/compare.json).

How: every server runs the same ONNX file on ONNX Runtime, and every request carries the same row. The peers have one thread a
run unless their name says otherwise; Pillion without a plan in its name chooses sessions and threads by itself. An answer
is compared with ONNX Runtime's own before anything is measured. wrk makes the load over HTTP/1.1 and h2load over
HTTP/2, with one thread; each connection sends its next request when the last was answered. The servers of one model are
up at the same time and take turns, ${roundsWanted} rounds of ${secondsEach} s; whoever is not measured is stopped (SIGSTOP). Figures are medians of
the rounds, ratios medians of each round's own ratio.

What to keep in mind:

- The load generator shares the ${machine.cores} cores with the server. Throughput is what is left beside it; CPU per request is the fairer
  figure for a sidecar, which always has a neighbour.
- Closed loops flatter latency: a slow server is asked less often.
- wrk counts a pause as all the requests that would have been sent in it, h2load does not: with one connection, the p99 over
  REST tells of the longest pause of a round.
- CPU is user and system time of the server with all its descendants. RSS is summed over them, so that shared pages count
  once for each process.
- The row is the same, the protocol is the server's own: TensorFlow Serving's for Pillion and the plain servers, the Open
  Inference Protocol for Triton and MLServer, JSON of the same shape for the others.
- "Rows a batch" is a mean, from Pillion's own metrics; the runtime's own loop is given Pillion's. A closed loop of 64
  connections has half of them in the batch that runs and the other half in the one that waits.
- Each server has batches of up to 64 where it can, and no delay beyond the shortest that it allows; its settings and
  their reasons are in bench/compare/peers.
- ${busyText(results)}`;
}

function busyText({ rounds }: Results): string {
  const busy = rounds.filter(({ foreignShare }) => foreignShare > BUSY_SHARE).length;
  const typical = median(rounds.map(({ foreignShare }) => foreignShare));
  return `Other processes took ${percent(typical)} of the machine in the median round, and more than ${percent(BUSY_SHARE)} in ${busy} of ${rounds.length}.`;
}

function ratioTable(ratios: readonly Ratio[]): string {
  if (ratios.length === 0) return 'No ratio of interest has both its sides in this run.';
  const rows = ratios.map(({ over, text, value, least, most }) => [
    `${over.model}, ${many(over.connections)}: ${text}`,
    `${value.toFixed(2)}`,
    `${least.toFixed(2)}–${most.toFixed(2)}`,
  ]);
  return table(['Pillion over', 'median', 'rounds'], rows);
}

/** One table for each number of connections. */
function modelTables(results: Results, model: ModelName): string[] {
  const cells = cellsOf(results).filter((cell) => cell.model === model);
  const counts = [...new Set(cells.map(({ connections }) => connections))];
  return counts.map((connections) => {
    const rows = cells.filter((cell) => cell.connections === connections).map((cell) => cellRow(results, cell));
    const columns = [
      'req/s',
      'p50 ms',
      'p99 ms',
      'CPU s / 1,000 req',
      'RSS MiB',
      'rows a batch',
      'failed',
      'elsewhere',
    ];
    return table([many(connections), 'surface', ...columns], rows);
  });
}

function cellRow(results: Results, cell: Cell): string[] {
  const rounds = roundsOf(results, cell);
  return [
    labelOf(cell.contestant),
    cell.surface,
    formatNumber(medianOf(rounds, 'requestsPerSecond')),
    medianOf(rounds, 'p50Ms').toFixed(2),
    medianOf(rounds, 'p99Ms').toFixed(2),
    medianOf(rounds, 'cpuPerThousand').toFixed(3),
    medianOf(rounds, 'residentMiB').toFixed(0),
    batchText(rounds),
    String(rounds.reduce((sum, { failed }) => sum + failed, 0)),
    percent(median(rounds.map(({ foreignShare }) => foreignShare))),
  ];
}

function batchText(rounds: readonly Round[]): string {
  const batches = rounds.flatMap(({ meanBatch }) => meanBatch ?? []);
  return batches.length === 0 ? '' : median(batches).toFixed(1);
}

/** One plot for each surface and number of connections. The runtime's loop stands among gRPC's bars. */
function groupsOf(results: Results, model: ModelName): [surface: 'REST' | 'gRPC', connections: number][] {
  const cells = cellsOf(results).filter((cell) => cell.model === model);
  const counts = [...new Set(cells.map(({ connections }) => connections))];
  return (['gRPC', 'REST'] as const).flatMap((surface) =>
    counts
      .filter((connections) => cells.some((cell) => cell.connections === connections && isIn(cell, surface)))
      .map((connections): ['REST' | 'gRPC', number] => [surface, connections]),
  );
}

function isIn({ surface }: Cell, group: 'REST' | 'gRPC'): boolean {
  return group === 'gRPC' ? surface === 'gRPC' || surface === 'loop' : surface === 'REST' || surface === 'REST binary';
}

function plotOf(results: Results, model: ModelName, group: 'REST' | 'gRPC', connections: number): string {
  const cells = cellsOf(results).filter(
    (cell) => cell.model === model && cell.connections === connections && isIn(cell, group),
  );
  const bars = cells.map((cell): Bar => {
    const values = roundsOf(results, cell).map((round) => figureOf(round, 'requestsPerSecond'));
    return {
      label: `${labelOf(cell.contestant)}${cell.surface === 'REST binary' ? ', binary' : ''}`,
      value: median(values),
      least: Math.min(...values),
      most: Math.max(...values),
      isOurs: cell.contestant === 'pillion',
    };
  });
  return barPlot({
    title: `${model} over ${group}, ${many(connections)}`,
    unit: 'requests a second; longer is better',
    bars,
  });
}

/** The table of starts, for the model that most contestants served. */
function startTable(results: Results): string {
  const model = results.starts.some((start) => start.model === 'mlp_small') ? 'mlp_small' : results.starts[0]?.model;
  const starts = results.starts.filter((start) => start.model === model);
  if (starts.length === 0) return '';
  const rows = starts.map(({ contestant, seconds }) => [
    labelOf(contestant),
    results.versions[contestant] ?? 'this repository',
    seconds.toFixed(2),
  ]);
  const heading = '## From start to the first right answer\n\nOne start each';
  return `${heading}, ${model}.\n\n${table(['server', 'version', 'seconds'], rows)}`;
}

function closing({ incidents }: Results): string {
  if (incidents.length === 0) return '';
  const lines = incidents.map(({ contestant, model, reason, isLeftOut }) => {
    const outcome = isLeftOut ? 'left out' : 'started again and measured again';
    return `- ${labelOf(contestant)}, ${model}: ${reason}; ${outcome}`;
  });
  return `## Incidents\n\n${lines.join('\n')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join('\n');
}

const many = (connections: number): string => (connections === 1 ? '1 connection' : `${connections} connections`);
const percent = (share: number): string => `${Math.round(share * 100)} %`;
