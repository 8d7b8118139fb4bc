/** Results as text: tables for the terminal, docs/results/overload.md and its plots for everyone else. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bar, barPlot } from '../compare/svg-plot.ts';
import { type Bounds, checksOf } from './checks.ts';
import { CONTESTANTS } from './contestants.ts';
import { BIN_MS } from './figures.ts';
import { CHECK_NOTES, introduction } from './introduction.ts';
import { contestantsIn, meanOf, PILOT, type Results, type Round, roundsOf } from './results.ts';
import { rankBaselines } from './selection.ts';
import { linePlot } from './svg-lines.ts';

const PLOTS = 'overload';

const labelOf = (name: string): string => CONTESTANTS.find((contestant) => contestant.name === name)?.label ?? name;
const isOurs = (name: string): boolean => CONTESTANTS.find((contestant) => contestant.name === name)?.isOurs === true;

/** The table of what must be shown, and one of every workload. */
export function renderTables(results: Results, bounds: Bounds = {}): string {
  const sections = results.workloads.map(({ name, text }) => `### ${name}: ${text}\n\n${workloadTable(results, name)}`);
  return [checkTable(results, bounds), ...sections, closing(results)].filter((part) => part !== '').join('\n\n');
}

/** Writes DOCS/overload.md and DOCS/overload/*.svg; plots of an earlier run go. */
export function renderDocument(results: Results, docs: string, bounds: Bounds = {}): void {
  rmSync(join(docs, PLOTS), { recursive: true, force: true });
  mkdirSync(join(docs, PLOTS), { recursive: true });
  const sections = results.workloads.map(({ name, text }) => {
    const plots = plotsOf(results, name).map(([file, title, svg]) => {
      writeFileSync(join(docs, PLOTS, file), svg);
      return `![${title}](${PLOTS}/${file})`;
    });
    const parts = [`## ${name}`, `${text}. ${capacityText(results, name)}`, ...plots, workloadTable(results, name)];
    const further = [batchTable(results, name), reasonTable(results, name), pilotText(results, name)];
    return [...parts, ...further].filter((part) => part !== '').join('\n\n');
  });
  const parts = [
    introduction(results),
    `## What it must show\n\n${checkTable(results, bounds)}\n\n${CHECK_NOTES}`,
    ...sections,
    closing(results),
  ];
  writeFileSync(join(docs, 'overload.md'), `${parts.filter((part) => part !== '').join('\n\n')}\n`);
}

function checkTable(results: Results, bounds: Bounds): string {
  const checks = checksOf(results, bounds);
  if (checks.length === 0) return '';
  const rows = checks.map(({ workload, text, wanted, measured, isMet, margin }) => [
    workload,
    text,
    wanted,
    short(measured),
    metText(isMet, margin),
  ]);
  return table(['workload', 'figure', 'wanted', 'measured', 'met'], rows);
}

function metText(isMet: boolean | undefined, margin: number): string {
  if (isMet === undefined) return 'a bound';
  if (isMet) return 'yes';
  return Number.isNaN(margin) ? 'no figure' : `no, by ${short(-margin)}`;
}

const COLUMNS: readonly [head: string, cell: (rounds: readonly Round[]) => string][] = [
  ['attainment', (rounds) => fixed(meanOf(rounds, (r) => r.attainment))],
  ['admitted', (rounds) => fixed(meanOf(rounds, (r) => r.admittedAttainment))],
  ['in time/s', (rounds) => short(meanOf(rounds, (r) => r.goodput))],
  ['p50 ms', (rounds) => short(meanOf(rounds, (r) => r.p50Ms))],
  ['p99 ms', (rounds) => short(meanOf(rounds, (r) => r.p99Ms))],
  ['p99.9 ms', (rounds) => short(meanOf(rounds, (r) => r.p999Ms))],
  ['refused', (rounds) => percent(meanOf(rounds, (r) => r.refused / r.offered))],
  ['refused p99 ms', (rounds) => short(meanOf(rounds, (r) => r.refusalP99Ms))],
  ['wasted', (rounds) => percent(meanOf(rounds, (r) => r.wastedShare))],
  ['wasted core s', (rounds) => short(meanOf(rounds, (r) => r.wastedCpuSeconds))],
  ['worst model', (rounds) => fixed(meanOf(rounds, (r) => r.worstModel.attainment))],
  ['rows a batch', (rounds) => short(meanOf(rounds, (r) => r.meanBatch))],
];

const SOMETIMES: readonly [head: string, pick: (round: Round) => number | undefined][] = [
  [
    'refused p99 ms after sending',
    ({ refused, refusalFromSendP99Ms }) => (refused === 0 ? undefined : refusalFromSendP99Ms),
  ],
  ['held', ({ held, offered }) => (held === 0 ? undefined : held / offered)],
  ['recovered after ms', (round) => round.recoveryMs],
  ['prediction off by ms', (round) => round.predictionErrorMs],
];

function workloadTable(results: Results, workload: string): string {
  const names = contestantsIn(results, workload);
  const all = names.flatMap((name) => roundsOf(results, workload, name));
  const further = SOMETIMES.filter(([, pick]) => all.some((round) => pick(round) !== undefined));
  const streams = all[0]?.streams.length === 1 ? [] : (all[0]?.streams ?? []);
  const head = [
    '',
    ...COLUMNS.map(([text]) => text),
    ...further.map(([text]) => text),
    ...streams.map(({ name }) => name),
    'rounds',
  ];
  const rows = names.map((name) => {
    const rounds = roundsOf(results, workload, name);
    return [
      isOurs(name) ? `**${labelOf(name)}**` : labelOf(name),
      ...COLUMNS.map(([, cell]) => cell(rounds)),
      ...further.map(([, pick]) => short(meanOf(rounds, pick))),
      ...streams.map((_, i) => fixed(meanOf(rounds, (round) => round.streams[i]!.attainment))),
      String(rounds.length),
    ];
  });
  return table(head, rows);
}

/** Share of the batches of each size. */
function batchTable(results: Results, workload: string): string {
  const names = contestantsIn(results, workload);
  const bounds = new Set(
    names.flatMap((name) => roundsOf(results, workload, name).flatMap(({ sizes }) => Object.keys(sizes))),
  );
  const order = [...bounds].sort(
    (a, b) => Number(a.replace('+Inf', 'Infinity')) - Number(b.replace('+Inf', 'Infinity')),
  );
  const rows = names.map((name) => {
    const rounds = roundsOf(results, workload, name);
    const count = (bound: string): number => rounds.reduce((sum, { sizes }) => sum + (sizes[bound] ?? 0), 0);
    const all = order.reduce((sum, bound) => sum + count(bound), 0);
    return [labelOf(name), ...order.map((bound) => percent(count(bound) / all))];
  });
  return table(['batches of at most … rows', ...order], rows);
}

/** Share of the offered requests that the server gave up, by its own reason. */
function reasonTable(results: Results, workload: string): string {
  const names = contestantsIn(results, workload);
  const all = names.flatMap((name) => roundsOf(results, workload, name));
  const reasons = [...new Set(all.flatMap((round) => Object.keys(round.reasons ?? {})))].sort();
  if (reasons.length === 0) return '';
  const rows = names.map((name) => {
    const rounds = roundsOf(results, workload, name);
    const share = (reason: string): number => meanOf(rounds, (round) => (round.reasons?.[reason] ?? 0) / round.offered);
    return [labelOf(name), ...reasons.map((reason) => percent(share(reason)))];
  });
  return table(['given up because', ...reasons], rows);
}

function capacityText(results: Results, workload: string): string {
  const rounds = results.rounds.filter((round) => round.workload === workload);
  const capacity = meanOf(rounds, (round) => round.capacities[0]);
  const records = results.capacities?.filter((record) => record.workload === workload && record.round !== PILOT) ?? [];
  const names = [...new Set(records.flatMap(({ measured }) => Object.keys(measured)))];
  const each = names.map(
    (name) => `${labelOf(name)}: ${short(meanOf(records, ({ measured }) => measured[name]?.[0]))}`,
  );
  const by = each.length === 0 ? '' : ` (${each.join('; ')})`;
  return `The server can do ${short(capacity)} a second${by}; offered were ${short(meanOf(rounds, (r) => r.offeredPerSecond))}.`;
}

/** The attainments in the round that chose. */
function pilotText(results: Results, workload: string): string {
  const ranked = rankBaselines(workload, results.pilots ?? [], CONTESTANTS);
  if (ranked.length === 0) return '';
  const each = ranked.map(({ name, attainment }) => `${labelOf(name)} ${fixed(attainment)}`);
  return `Attainment in the pilot round: ${each.join('; ')}.`;
}

type PlotFile = readonly [file: string, title: string, svg: string];

function plotsOf(results: Results, workload: string): PlotFile[] {
  const names = contestantsIn(results, workload).filter((name) => roundsOf(results, workload, name).length > 0);
  const bars = names.map((name): Bar => {
    const values = roundsOf(results, workload, name).map(({ attainment }) => attainment);
    const value = values.reduce((sum, each) => sum + each, 0) / values.length;
    return { label: labelOf(name), value, least: Math.min(...values), most: Math.max(...values), isOurs: isOurs(name) };
  });
  if (bars.length === 0) return [];
  const title = `${workload}: share of requests answered in time`;
  const plots: PlotFile[] = [
    [`${workload}.svg`, title, barPlot({ title, unit: 'of those offered; longer is better', bars })],
  ];
  const isSteady = names.every((name) =>
    roundsOf(results, workload, name).every((round) => round.recoveryMs === undefined),
  );
  if (isSteady) return plots;
  const lines = names.map((name) => ({
    label: labelOf(name),
    isOurs: isOurs(name),
    values: meanTimeline(roundsOf(results, workload, name)),
  }));
  const overTime = `${workload}: answered in time, by when it was asked`;
  return [
    ...plots,
    [`${workload}-time.svg`, overTime, linePlot({ title: overTime, unit: 'share, by seconds', stepMs: BIN_MS, lines })],
  ];
}

function meanTimeline(rounds: readonly Round[]): (number | null)[] {
  return rounds[0]!.timeline.map((_, i) => {
    const values = rounds.map(({ timeline }) => timeline[i] ?? null).filter((value) => value !== null);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}

function closing({ incidents, rounds }: Results): string {
  const lines = incidents.map(({ workload, contestant, reason }) => `- ${workload}, ${labelOf(contestant)}: ${reason}`);
  for (const { workload, contestant, round, attempt, disturbed, invalid } of rounds) {
    const outcome = invalid === undefined ? 'in the means all the same' : 'left out of the means';
    const why = invalid ?? disturbed;
    if (why !== undefined)
      lines.push(
        `- ${workload}, ${labelOf(contestant)}, round ${round + 1}${attempt === undefined ? '' : `, repeat ${attempt}`}: ${why}; ${outcome}`,
      );
  }
  return lines.length === 0 ? '' : `## Incidents\n\n${lines.join('\n')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join('\n');
}

function fixed(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(3);
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** Three digits or so. */
function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (value === Infinity) return 'never';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 3);
}
