/**
 * `pillion record`: asks a running sidecar for its requests (record-endpoint.ts) and writes them to a warm-up
 * file or, with --golden, to a file of golden requests.
 *
 *     count, size or time reached ─┐
 *     Ctrl-C ──────────────────────┼──▶ complete records kept, file renamed, exit status 0
 *     the sidecar ends ────────────┘
 *     no record, no sidecar, no such model, no room on the disk ──▶ the reason, no file, exit status 1
 */
import type { IncomingMessage } from 'node:http';
import process from 'node:process';
import { noSidecar, readBody, requestToAdmin } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { systemClock } from '../../core/clock.ts';
import { RecordFile } from './record-file.ts';
import { DROPPED_TRAILER, ENDED_TRAILER } from './recording.ts';

/** Time between two lines of progress on a terminal. */
const PROGRESS_MS = 200;

/** The options of record-command.ts. */
interface RecordOptions extends AdminAddress {
  readonly model: string;
  readonly out: string;
  readonly count: number;
  readonly max_bytes: number;
  /** Seconds; 0 = no end. */
  readonly duration: number;
  /** A share of the requests. */
  readonly sample: number;
  readonly golden: boolean;
  readonly force: boolean;
}

/** Resolves with the exit status once everything is printed. */
export async function record(options: RecordOptions): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await recordUntil(options, stop.signal);
    return 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(error.message);
    return 1;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

async function recordUntil(options: RecordOptions, stop: AbortSignal): Promise<void> {
  const file = await createFile(options);
  let end = '';
  try {
    const answer = await ask(options, stop);
    const { model, admin, count } = options;
    say(`recording ${count} requests of ${model} at ${admin}; Ctrl-C ends it and keeps the records so far`);
    end = await receive(answer, file, options, stop);
  } catch (error) {
    await file.abandon();
    throw error;
  }
  await file.finish();
  if (file.records === 0) throw new Error(`no request was recorded (${end}); no file was written`);
  say(`${file.records} requests, ${sizeOf(file.bytes)}, in ${file.path} (${end})`);
  const place = options.golden ? 'pillion_golden_requests' : 'tf_serving_warmup_requests';
  say(`put it into the version's directory as assets.extra/${place}`);
}

async function createFile({ out, force }: RecordOptions): Promise<RecordFile> {
  try {
    return await RecordFile.create(out, force);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fix = code === 'EEXIST' ? '; choose another --out, or overwrite it with --force' : '';
    throw new Error(`--out=${out}: ${message}${fix}`);
  }
}

/** Resolves with the answer once the sidecar records. */
function ask(options: RecordOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { admin, admin_token_file, model, count, max_bytes, duration, sample, golden } = options;
  const query = new URLSearchParams({
    model,
    count: String(count),
    max_bytes: String(max_bytes),
    duration_ms: String(duration * 1000),
    sample: String(sample),
    with_response: String(golden),
  });
  return new Promise((resolve, reject) => {
    const request = requestToAdmin({ admin, admin_token_file }, `/record?${query}`, { signal }, (answer) => {
      if (answer.statusCode === 200) return resolve(answer);
      readBody(answer).then((body) => {
        reject(new Error(`${admin}: ${body.toString().trim() || answer.statusCode}`));
      }, reject);
    });
    request.once('error', (error) => {
      reject(new Error(signal.aborted ? 'stopped before the sidecar answered' : noSidecar(admin, error)));
    });
  });
}

/** Writes the records as they arrive. Resolves with the reason for the end. */
async function receive(
  answer: IncomingMessage,
  file: RecordFile,
  options: RecordOptions,
  stop: AbortSignal,
): Promise<string> {
  const show = progress(options);
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      await file.append(chunk);
      show(file);
    }
  } catch (error) {
    if (stop.aborted) return 'stopped';
    if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return 'the sidecar closed the connection';
    throw error;
  }
  const dropped = Number(answer.trailers[DROPPED_TRAILER] ?? 0);
  const lost = dropped > 0 ? `; ${dropped} were lost because they came faster than they could be written` : '';
  return `${describeEnd(answer.trailers[ENDED_TRAILER], options)}${lost}`;
}

function describeEnd(why: string | undefined, { max_bytes, duration }: RecordOptions): string {
  if (why === 'count') return 'all of them';
  if (why === 'max_bytes') return `the next would pass --max_bytes=${max_bytes}`;
  if (why === 'duration') return `--duration=${duration} is over`;
  return why === 'draining' ? 'the sidecar is shutting down' : 'the sidecar closed the connection';
}

function progress({ count }: RecordOptions): (file: RecordFile) => void {
  if (!process.stderr.isTTY) return () => undefined;
  let nextAt = 0;
  return ({ records, bytes }) => {
    const now = systemClock.nowMs();
    if (now < nextAt) return;
    nextAt = now + PROGRESS_MS;
    process.stderr.write(`\rpillion: ${records} of ${count}, ${sizeOf(bytes)} `);
    if (records === count) process.stderr.write('\n');
  };
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function say(text: string): void {
  process.stderr.write(`pillion: ${text}\n`);
}
