/**
 * `pillion record`: asks a running sidecar for its requests (admin/record-endpoint.ts) and writes them to a file that
 * warms a model up, or that says what it must answer.
 *
 *     count, size or time reached ─┐
 *     Ctrl-C ──────────────────────┼──▶ whole records kept, file renamed, exit status 0
 *     the sidecar ends ────────────┘
 *     no record, no sidecar, no such model, no room on the disk ──▶ why, no file, exit status 1
 */
import type { IncomingMessage } from 'node:http';
import process from 'node:process';
import { DROPPED_TRAILER, ENDED_TRAILER } from '../admin/recording.ts';
import { systemClock } from '../core/clock.ts';
import { getFromAdmin } from './ask-admin.ts';
import { RecordFile } from './record-file.ts';
import type { RecordOptions } from './record-options.ts';

/** Between two lines of progress on a terminal. */
const PROGRESS_MS = 200;

/** What the user is told instead of a stack. */
class RecordError extends Error {}

/** Resolves with the exit status, when all is said. */
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
    say(`recording ${count} requests of ${model} at ${admin}; Ctrl-C ends it and keeps what there is`);
    end = await receive(answer, file, options, stop);
  } catch (error) {
    await file.abandon();
    throw error;
  }
  await file.finish();
  if (file.records === 0) throw new RecordError(`no request was recorded (${end}); no file was written`);
  say(`${file.records} requests, ${sizeOf(file.bytes)}, in ${file.path} (${end})`);
  const place = options.golden ? 'pillion_golden_requests' : 'tf_serving_warmup_requests';
  say(`put it into the version's directory as assets.extra/${place}`);
}

async function createFile({ out, force }: RecordOptions): Promise<RecordFile> {
  try {
    return await RecordFile.create(out, force);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fix = code === 'EEXIST' ? '; choose another --out, or --force to write over it' : '';
    throw new RecordError(`--out=${out}: ${message}${fix}`);
  }
}

/** The answer of a sidecar that records. */
function ask(options: RecordOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { admin, model, count, max_bytes, duration, sample, golden } = options;
  const query = new URLSearchParams({
    model,
    count: String(count),
    max_bytes: String(max_bytes),
    duration_ms: String(duration * 1000),
    sample: String(sample),
    with_response: String(golden),
  });
  return new Promise((resolve, reject) => {
    const request = getFromAdmin(admin, `/record?${query}`, { signal }, (answer) => {
      if (answer.statusCode === 200) return resolve(answer);
      textOf(answer).then((text) => reject(new RecordError(`${admin}: ${text.trim() || answer.statusCode}`)), reject);
    });
    request.once('error', (error) => {
      const fix = 'start `pillion serve`, or say where it is with --admin';
      const text = signal.aborted
        ? 'stopped before the sidecar answered'
        : `no sidecar at ${admin}: ${error.message}; ${fix}`;
      reject(new RecordError(text));
    });
  });
}

/** Writes what comes until there is no more. Resolves with why that is. */
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

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function say(text: string): void {
  process.stderr.write(`pillion: ${text}\n`);
}
