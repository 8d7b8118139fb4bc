/**
 * `pillion status`: asks a running sidecar for its models (admin/models-report.ts) and prints them as a table.
 *
 *   ready        version  state      runs    weights  working  waiting
 *   digits       2        AVAILABLE  inline  19 KiB   2.1 MiB  0
 *                1        END
 *
 * Exit status: 0 the sidecar is ready; 1 it is not, or there is none.
 */
import { get } from 'node:http';
import process from 'node:process';
import type { ModelsReport, VersionReport } from '../admin/models-report.ts';
import { showBytes } from '../models/model-memory.ts';
import type { StatusOptions } from './status-options.ts';

/** A sidecar on the same machine that takes longer does not run its event loop. */
const PATIENCE_MS = 5000;

/** Resolves with the exit status, when all is said. */
export async function status({ admin, json }: StatusOptions): Promise<number> {
  let text: string;
  try {
    text = await ask(admin);
  } catch (error) {
    const fix = 'start `pillion serve`, or say where it is with --admin';
    process.stderr.write(`pillion: no sidecar at ${admin}: ${(error as Error).message}; ${fix}\n`);
    return 1;
  }
  const report = JSON.parse(text) as ModelsReport;
  process.stdout.write(json ? text : statusTable(report));
  return report.ready ? 0 : 1;
}

const HEADER = ['version', 'state', 'runs', 'weights', 'working', 'waiting'] as const;

/** What a terminal shows. */
export function statusTable({ ready, waits_for, models }: ModelsReport): string {
  const rows: string[][] = [[ready ? 'ready' : 'not ready', ...HEADER]];
  const notes = [...waits_for];
  for (const { name, error, versions } of models) {
    versions.forEach((version, i) => {
      rows.push([i === 0 ? name : '', ...cellsOf(version)]);
      const { breaker } = version;
      if (breaker !== undefined && breaker.state !== 'closed') {
        const state = breaker.state.replace('_', ' ');
        notes.push(`${name} version ${version.version}: its circuit breaker is ${state}: ${breaker.reason ?? ''}`);
      }
      if (version.error !== undefined) notes.push(`${name} version ${version.version}: ${version.error.message}`);
    });
    if (versions.length === 0) rows.push([name, '-', '-', '', '', '', '']);
    if (error !== undefined && waits_for.length === 0) notes.push(error);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : []), ''].join('\n');
}

/** "thread", "process 84 MiB", "process 84 MiB, restarted 2 ×". */
function hostCell({ kind, restarts = 0, resident_bytes: bytes }: NonNullable<VersionReport['host']>): string {
  return `${kind}${bytes === undefined ? '' : ` ${showBytes(bytes)}`}${restarts === 0 ? '' : `, restarted ${restarts} ×`}`;
}

function cellsOf({ version, state, host, memory, queue }: VersionReport): string[] {
  const working = memory?.working_bytes;
  return [
    version,
    state,
    host === undefined ? '' : hostCell(host),
    memory === undefined
      ? ''
      : `${showBytes(memory.artifact_bytes)}${memory.sessions > 1 ? ` × ${memory.sessions}` : ''}`,
    working === undefined ? '' : showBytes(working),
    queue === undefined ? '' : String(queue.rows),
  ];
}

function ask(admin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(`http://${admin}/models`, { agent: false, timeout: PATIENCE_MS }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const isOurs = answer.statusCode === 200 && text.startsWith('{');
        if (isOurs) resolve(text);
        else reject(new Error(`something else answers there (${answer.statusCode})`));
      });
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
    request.once('error', reject);
  });
}
