/**
 * `pillion status`: asks a running sidecar for its models (admin/models-report.ts) and prints them as a table.
 *
 *   ready        version  state      runs           weights  working  waiting
 *   digits       2        AVAILABLE  inline (onnx)  19 KiB   2.1 MiB  0
 *                1        END
 *
 *   digits version 2: bound: nothing: both cores run batches 12 % of the time, …
 *
 * With --callers: the callers that take most of the cores (admin/callers-report.ts).
 *
 * Exit status: 0 = the sidecar is ready, or has answered --callers; 1 = it is not, or there is none.
 */
import process from 'node:process';
import type { CallersReport } from '../admin/callers-report.ts';
import type { ModelReport, ModelsReport, ProcessGroupReport, VersionReport } from '../admin/models-report.ts';
import { versionFindings } from '../admin/version-findings.ts';
import { visible } from '../core/terminal/visible-text.ts';
import { showBytes } from '../models/memory/model-memory.ts';
import { askAdmin, noSidecar } from './ask-admin.ts';
import type { AdminAddress } from './sidecar-command.ts';
import { textTable } from './text-table.ts';

/** Sentences about a model, of what features tell in its report. */
export type ModelNotes = (model: ModelReport) => readonly string[];

/** The options of commands/status.ts. */
interface StatusOptions extends AdminAddress {
  readonly json: boolean;
  readonly callers: boolean;
}

/** Resolves with the exit status once everything is printed. */
export async function status({ json, callers, ...from }: StatusOptions, notesOf: ModelNotes): Promise<number> {
  let text: string;
  try {
    text = (await askAdmin({ from, path: callers ? '/callers' : '/models' })).toString();
    if (!text.startsWith('{')) throw new Error('something else answers there');
  } catch (error) {
    process.stderr.write(`pillion: ${noSidecar(from.admin, error as Error)}\n`);
    return 1;
  }
  if (callers) {
    process.stdout.write(json ? text : callersTable(JSON.parse(text) as CallersReport));
    return 0;
  }
  const report = JSON.parse(text) as ModelsReport;
  process.stdout.write(json ? text : statusTable(report, notesOf));
  return report.ready ? 0 : 1;
}

const HEADER = ['version', 'state', 'runs', 'weights', 'working', 'waiting'] as const;

/** The text for a terminal. */
export function statusTable(report: ModelsReport, notesOf: ModelNotes = () => []): string {
  const { ready, plan, waits_for, models, process_groups = [] } = report;
  const rows: string[][] = [[ready ? 'ready' : 'not ready', ...HEADER]];
  const notes = [...waits_for];
  for (const model of models) {
    const { name, error, versions } = model;
    versions.forEach((version, i) => {
      rows.push([i === 0 ? name : '', ...cellsOf(version)]);
      notes.push(
        ...notesOn(version, versions, plan.is_batching_enabled).map(
          (note) => `${name} version ${version.version}: ${note}`,
        ),
      );
    });
    notes.push(...notesOf(model).map((note) => `${name}: ${note}`));
    if (versions.length === 0) rows.push([name, '-', '-', '', '', '', '']);
    if (error !== undefined && waits_for.length === 0) notes.push(error);
  }
  for (const group of process_groups) notes.push(...groupLines(group));
  const lines = textTable(rows);
  return [...lines, ...(notes.length > 0 ? ['', ...notes.map(visible)] : []), ''].join('\n');
}

/** The text for a terminal. */
export function callersTable({ callers, known }: CallersReport): string {
  const rows = callers.map(({ caller, cores, core_seconds, requests, waiting_rows }) => [
    ...[caller, cores.toFixed(2), core_seconds.toFixed(1), String(requests), String(waiting_rows)],
  ]);
  const lines = textTable([['caller', 'cores', 'core seconds', 'requests', 'waiting rows'], ...rows]);
  return [...lines, ...(known > callers.length ? ['', `${known} callers are known`] : []), ''].join('\n');
}

/** The lines below the table about one version. `isBatching`: batching is on for the whole server. */
function notesOn(version: VersionReport, versions: readonly VersionReport[], isBatching: boolean): readonly string[] {
  return versionFindings(version, versions, isBatching).flatMap(({ note }) => note ?? []);
}

/** "thread (onnx)", "process 84 MiB (saved_model)", "process 84 MiB, restarted 2 × (tfjs)". */
function runsCell({ host, runtime }: VersionReport): string {
  if (host === undefined) return runtime?.kind ?? '';
  return `${hostCell(host)}${runtime === undefined ? '' : ` (${runtime.kind})`}`;
}

/** "thread", "process 84 MiB, sandbox full", "process of group small, sandbox partial, restarted 2 ×". */
function hostCell(host: NonNullable<VersionReport['host']>): string {
  const { kind, restarts = 0, resident_bytes: bytes, process_group: group, sandbox } = host;
  const size = bytes === undefined ? '' : ` ${showBytes(bytes)}`;
  const shared = group === undefined ? '' : ` of group ${group}`;
  const confined = sandbox === undefined ? '' : `, sandbox ${sandbox.level}`;
  return `${kind}${size}${shared}${confined}${restarts === 0 ? '' : `, restarted ${restarts} ×`}`;
}

/** "group small: process 4711, 387 MiB, with a, b". */
function groupLines({ name, processes }: ProcessGroupReport): readonly string[] {
  return processes.map(({ pid, resident_bytes: bytes, models }) => {
    const size = bytes === undefined ? '' : `, ${showBytes(bytes)}`;
    return `group ${name}: process ${pid ?? 'that has ended'}${size}, with ${[...new Set(models)].join(', ')}`;
  });
}

function cellsOf(report: VersionReport): string[] {
  const { version, state, memory, queue } = report;
  const working = memory?.working_bytes;
  return [
    version,
    state,
    runsCell(report),
    memory === undefined
      ? ''
      : `${showBytes(memory.artifact_bytes)}${memory.sessions > 1 ? ` × ${memory.sessions}` : ''}`,
    working === undefined ? '' : showBytes(working),
    queue === undefined ? '' : String(queue.rows),
  ];
}
