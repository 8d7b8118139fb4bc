/**
 * `pillion profile`: asks a running sidecar for a profile (profiler.ts), writes the trace file and prints its
 * tables.
 *
 * Exit status: 0 = the file is written; 1 = it is not, and a line says why.
 */
import { basename, dirname } from 'node:path';
import process from 'node:process';
import { askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { textTable } from '../../cli/text-table.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import { OwnDirectory } from '../../files/own-directory.ts';
import { replaceFile } from '../../files/replace-file.ts';
import type { ModelOps, OpRow, ProfileSummary } from './profile-document.ts';

/** Time beyond the watched seconds, for replicas of three models to load and run. */
const REPLICAS_MS = 120_000;
const SHOWN_ROWS = 10;

interface ProfileOptions extends AdminAddress {
  readonly seconds: number;
  /** Empty = all models. */
  readonly model: string;
  /** The trace file. */
  readonly out: string;
}

/** Resolves with the exit status once everything is printed. */
export async function profile({ seconds, model, out, ...from }: ProfileOptions): Promise<number> {
  const query = new URLSearchParams({ seconds: String(seconds), ...(model !== '' && { model }) });
  try {
    process.stderr.write(`pillion: watching ${from.admin} for ${seconds} s\n`);
    const text = await askAdmin({ from, path: `/profile?${query}`, timeoutMs: seconds * 1000 + REPLICAS_MS });
    const { otherData } = JSON.parse(text.toString()) as { otherData: ProfileSummary };
    await replaceFile(new OwnDirectory(dirname(out)), basename(out), text);
    process.stdout.write(profileTables(otherData));
    process.stderr.write(`pillion: the trace is in ${out}; open it at https://ui.perfetto.dev or chrome://tracing\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`pillion: ${explain(from.admin, error as NodeJS.ErrnoException)}\n`);
    return 1;
  }
}

function explain(admin: string, error: NodeJS.ErrnoException): string {
  return error.path === undefined ? noSidecar(admin, error) : error.message;
}

/** The text for a terminal; complete lines. */
function profileTables({ seconds, requests, batches, cpu, models }: ProfileSummary): string {
  const shown = requests.shown < requests.seen ? ` (${requests.shown} of them in the file)` : '';
  const lines = [`${requests.seen} requests${shown} in ${batches.seen} batches, in ${seconds} s`];
  for (const model of models) lines.push('', ...modelLines(model));
  if (cpu.top_functions.length > 0) {
    const rows = cpu.top_functions
      .slice(0, SHOWN_ROWS)
      .map(({ function: name, at, self_ms, share }) => [name, showMs(self_ms), showShare(share), at]);
    lines.push('', 'event loop, by own time', ...textTable([['function', 'ms', 'share', 'at'], ...rows]));
  }
  return `${lines.map(visible).join('\n')}\n`;
}

function modelLines({ model, version, note, rows, runs, run_ms, top_ops }: ModelOps): string[] {
  const name = `${model} version ${version}`;
  if (top_ops === undefined) return [`${name}: no ops: ${note ?? 'not profiled'}`];
  return [
    `${name}: a replica ran ${runs} times with ${rows} rows of zeros, ${showMs(run_ms!)} ms each`,
    ...opTable('op', top_ops.by_op, ({ op }) => op),
    '',
    ...opTable('node', top_ops.by_node, ({ node, op }) => `${node} (${op})`),
  ];
}

function opTable(header: string, rows: readonly OpRow[], nameOf: (row: OpRow) => string): string[] {
  const cells = rows
    .slice(0, SHOWN_ROWS)
    .map((row) => [nameOf(row), showMs(row.total_ms), showShare(row.share), String(row.calls)]);
  return textTable([[header, 'total ms', 'share', 'calls'], ...cells]);
}

function showMs(ms: number): string {
  return ms.toFixed(3);
}

function showShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
