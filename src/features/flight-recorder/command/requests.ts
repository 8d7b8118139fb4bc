/**
 * `pillion requests`: asks a running sidecar (GET /requests), or reads the file that one writes, and prints a table.
 *
 *   arrived                  model   version  outcome          took    rows  caller          id    error
 *   2026-11-30 03:12:07.250  digits  2        invalid_request  1.2 ms  1     10.1.2.3:50123  3k    input "x" …
 *   2026-11-30 03:11:52.000  restart after 8 s: the run before was killed or has crashed
 *
 * Exit status: 0 = it has answered, also with no request; 1 = there is no sidecar, or no such file.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import process from 'node:process';
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { askAdmin, noSidecar } from '../../../cli/ask-admin.ts';
import type { AdminAddress } from '../../../cli/sidecar-command.ts';
import { textTable } from '../../../cli/text-table.ts';
import { fileProblem } from '../../../config/config-file.ts';
import { localTime, parseWall, systemClock } from '../../../core/clock.ts';
import { visibleLine } from '../../../core/terminal/visible-text.ts';
import { findRequests } from '../file/file-query.ts';
import { readHead } from '../file/ring-file.ts';
import type { RingName } from '../file/ring-format.ts';
import { readNewestFirst } from '../file/ring-reader.ts';
import { tailOf } from '../file/ring-tail.ts';
import type { Restart } from '../history/history-report.ts';
import { readRequestQuery } from '../query/request-query.ts';
import { type PickOptions, queryOf } from './query-of.ts';

interface RequestsOptions extends PickOptions, AdminAddress {
  readonly json: boolean;
  readonly file: string;
}

/** The answer of GET /requests. */
interface RequestsAnswer {
  readonly requests: readonly RequestEntry[];
  /** Absent = none that the file knows of. */
  readonly restarts?: readonly Restart[];
}

/** A sidecar with a large file reads it for a while. */
const TIMEOUT_MS = 60_000;

/** Resolves with the exit status once everything is printed. */
export async function requests(options: RequestsOptions): Promise<number> {
  const query = queryOf(options, systemClock.wallMs());
  let answer: RequestsAnswer;
  try {
    answer = await (options.file === '' ? asked(options, query) : readFile(options.file, query));
  } catch (error) {
    const text = options.file === '' ? noSidecar(options.admin, error as Error) : (error as Error).message;
    process.stderr.write(`pillion: ${text}\n`);
    return 1;
  }
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : requestsTable(answer));
  return 0;
}

async function asked(from: AdminAddress, query: URLSearchParams): Promise<RequestsAnswer> {
  const text = (await askAdmin({ from, path: `/requests?${query}`, timeoutMs: TIMEOUT_MS })).toString();
  if (!text.startsWith('{"requests":')) throw new Error('something else answers there');
  return JSON.parse(text) as RequestsAnswer;
}

/** Rejects with what the file is instead of a file of requests. */
async function readFile(path: string, params: URLSearchParams): Promise<RequestsAnswer> {
  const query = readRequestQuery(params, systemClock.wallMs());
  if ('status' in query) throw new Error(query.text);
  // A FIFO would wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new Error(fileProblem(path, error), { cause: error });
  });
  try {
    const head = (await file.stat()).isFile() ? await readHead(file) : undefined;
    if (head === undefined) throw new Error(`${path} is no file of requests, as --flight_recorder_file writes it`);
    const tails = { traffic: await tailOf(file, head.traffic), requests: await tailOf(file, head.requests) };
    const read = (ring: RingName, notAfterMs?: number) =>
      readNewestFirst(file, head[ring], { tail: tails[ring].at, notAfterMs });
    const found = await findRequests({ read }, query);
    const { restarts } = found;
    return { requests: found.requests.map(({ entry }) => entry), ...(restarts.length > 0 && { restarts }) };
  } finally {
    await file.close();
  }
}

const HEADER = ['arrived', 'model', 'version', 'outcome', 'took', 'rows', 'caller', 'id', 'error'];

/** The text for a terminal. Restarts stand among the requests if these are in the order of time. */
export function requestsTable({ requests: entries, restarts = [] }: RequestsAnswer): string {
  if (entries.length === 0 && restarts.length === 0) return 'no such request is remembered\n';
  const rows = entries.map((entry) => ({ at: parseWall(entry.received_at), cells: cellsOf(entry) }));
  const [header, ...lines] = textTable([HEADER, ...rows.map(({ cells }) => cells)]);
  const out = [header!];
  const isNewestFirst = rows.every(({ at }, i) => i === 0 || rows[i - 1]!.at >= at);
  const left = restarts.toSorted((a, b) => b.started_at_ms - a.started_at_ms);
  for (const [i, { at }] of rows.entries()) {
    while (isNewestFirst && left.length > 0 && left[0]!.started_at_ms >= at) out.push(restartLine(left.shift()!));
    out.push(lines[i]!);
  }
  return [...out, ...left.map(restartLine), ''].join('\n');
}

function cellsOf(entry: RequestEntry): string[] {
  const { model, version, outcome, kept, duration_ms, rows, peer, id, error, received_at } = entry;
  return [
    ...[localTime(parseWall(received_at)), model === '' ? '-' : model, version === '' ? '-' : version],
    ...[outcome === 'ok' && kept === 'slow' ? 'ok, slow' : outcome, `${Number(duration_ms.toPrecision(3))} ms`],
    ...[String(rows), peer, id, error?.message ?? ''],
  ];
}

function restartLine({ started_at_ms, ended_at_ms, reason, version }: Restart): string {
  const gap = Math.max(0, Math.round((started_at_ms - ended_at_ms) / 1000));
  const why = reason === 'drained' ? 'was told to end' : 'was killed or has crashed';
  const gone = `the run before ${why}, and gave its last sign ${gap} s before`;
  return `${localTime(started_at_ms)}  restart, with version ${visibleLine(version)}: ${gone}`;
}
