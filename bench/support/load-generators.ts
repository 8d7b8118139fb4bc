/**
 * Debian's wrk (HTTP/1.1) and h2load (HTTP/2) as functions. Both are closed-loop: each connection sends its next
 * request when the last was answered. One thread: on a small machine a second would take the server's core.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly body: Uint8Array;
  /** Further headers, or another content-type than application/json; only wrk takes them. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PacedLoadOptions extends Omit<LoadOptions, 'body'> {
  /** Absent: GET, over HTTP/1.1. */
  readonly body?: Uint8Array;
  readonly protocol: 'HTTP/1.1' | 'gRPC';
  /** Requests a second, of all connections together. One that is late does not delay the others' pace. */
  readonly requestsPerSecond: number;
  /** Requests of gRPC that a connection may have open before its pace has to wait. Default 1. */
  readonly streams?: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The longest latency; only h2load tells it. */
  readonly maxMs?: number;
  /** Answers that were not 200, and requests without one. */
  readonly failed: number;
  /** Bytes of all answers' DATA frames; only h2load tells them. A gRPC error is a 200 without any. */
  readonly dataBytes?: number;
}

const WRK_SCRIPT = `
function init(args)
  local file = assert(io.open(args[1], "rb")); wrk.body = file:read("*a"); file:close()
  wrk.method = "POST"; wrk.headers["content-type"] = "application/json"
  for i = 2, #args, 2 do wrk.headers[args[i]] = args[i + 1] end
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"failed":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
`;

export async function wrk({ url, connections, seconds, body, headers = {} }: LoadOptions): Promise<LoadResult> {
  return withFiles({ 'body.json': body, 'post.lua': WRK_SCRIPT }, async (path) => {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', path('post.lua'), url];
    const { stdout } = await runFile('wrk', [...args, '--', path('body.json'), ...Object.entries(headers).flat()]);
    const line = JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as Record<string, number>;
    return {
      requests: line['requests']!,
      requestsPerSecond: line['requests']! / (line['micros']! / 1e6),
      p50Ms: line['p50']! / 1000,
      p99Ms: line['p99']! / 1000,
      failed: line['failed']!,
    };
  });
}

/** `body` is one gRPC message; it is framed here. h2load looks at the HTTP status alone: check an answer beforehand. */
export async function h2load(options: LoadOptions): Promise<LoadResult> {
  return runH2load(options, framed(options.body), [...GRPC_ARGS, '-m1']);
}

/** h2load at a pace of its own, instead of as fast as answers come: latency away from saturation. */
export async function pacedLoad({
  protocol,
  requestsPerSecond,
  streams = 1,
  ...options
}: PacedLoadOptions): Promise<LoadResult> {
  const pace = [`--rps=${Math.max(1, Math.round(requestsPerSecond / options.connections))}`, `-m${streams}`];
  return protocol === 'gRPC'
    ? runH2load(options, framed(options.body ?? NO_BODY), [...GRPC_ARGS, ...pace])
    : runH2load(options, options.body, [...(options.body ? JSON_ARGS : ['--h1']), ...pace]);
}

const GRPC_ARGS = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
const NO_BODY = new Uint8Array(0);
const JSON_ARGS = ['--h1', '-H', 'content-type: application/json'];

/** The message behind gRPC's five bytes. */
function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** A closed loop that can be held: its processes are stopped, with its requests on their way. */
export interface PausableLoad {
  pause(): void;
  resume(): void;
  /** Once its time is over, pauses included. Rejects if it could not begin, or if an answer failed. */
  readonly requests: Promise<readonly TimedRequest[]>;
  /** Ends it at once; `requests` rejects. */
  kill(): void;
}

/** A request's instants, in µs since the epoch. */
export interface TimedRequest {
  readonly startedAt: number;
  readonly endedAt: number;
}

/** `answerBytes`: of the message of each gRPC answer, since an error has none and h2load sees a 200. Begins at once. */
export function startPausableLoad(
  { url, connections, seconds, body, headers = {} }: LoadOptions,
  answerBytes: number | undefined,
): PausableLoad {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-bench-'));
  const isGrpc = answerBytes !== undefined;
  writeFileSync(join(directory, 'body'), isGrpc ? framed(body) : body);
  const further = isGrpc ? GRPC_ARGS : ['--h1', ...Object.entries(headers).flatMap((pair) => ['-H', pair.join(': ')])];
  const files = ['-d', join(directory, 'body'), `--log-file=${join(directory, 'log')}`];
  const args = ['-t1', `-c${connections}`, '-m1', `-D${seconds}`, ...files, ...further, url];
  const running = runFile('h2load', args, { maxBuffer: 2 ** 26 });
  const requests = running
    .then(({ stdout }) => {
      const timed = timedRequests(readFileSync(join(directory, 'log'), 'utf8'));
      const failed = isGrpc ? timed.length - Math.floor(dataBytesOf(stdout) / (5 + answerBytes)) : 0;
      if (failed > connections) throw new Error(`${failed} of ${timed.length} answers were errors`);
      return timed;
    })
    .finally(() => rmSync(directory, { recursive: true, force: true }));
  // Whoever holds and lets go looks at this last: until then a failure must not end the process.
  requests.catch(() => undefined);
  return {
    pause: () => void running.child.kill('SIGSTOP'),
    resume: () => void running.child.kill('SIGCONT'),
    requests,
    kill: () => void running.child.kill('SIGKILL'),
  };
}

/**
 * h2load's log: start in µs since the epoch, HTTP status and µs of each request, by tabs. Throws for one that is not
 * 200.
 */
function timedRequests(log: string): TimedRequest[] {
  const requests: TimedRequest[] = [];
  for (const line of log.split('\n')) {
    const [start, status, taken] = line.split('\t');
    if (taken === undefined) continue;
    if (status !== '200') throw new Error(`an answer had the status ${status}`);
    requests.push({ startedAt: Number(start), endedAt: Number(start) + Number(taken) });
  }
  return requests;
}

function dataBytesOf(stdout: string): number {
  return Number(/\((\d+)\) data$/m.exec(stdout)?.[1]);
}

function runH2load(
  { url, connections, seconds }: Pick<LoadOptions, 'url' | 'connections' | 'seconds'>,
  body: Uint8Array | undefined,
  further: readonly string[],
): Promise<LoadResult> {
  return withFiles({ body: body ?? '', log: '' }, async (path) => {
    const args = [
      '-t1',
      `-c${connections}`,
      `-D${seconds}`,
      ...(body ? ['-d', path('body')] : []),
      `--log-file=${path('log')}`,
    ];
    const { stdout } = await runFile('h2load', [...args, ...further, url], { maxBuffer: 2 ** 26 });
    return { ...summarize(readFileSync(path('log'), 'utf8'), seconds), dataBytes: dataBytesOf(stdout) };
  });
}

/** h2load's log: start, HTTP status and µs of each request, by tabs. */
function summarize(log: string, seconds: number): LoadResult {
  const micros: number[] = [];
  let failed = 0;
  for (const line of log.split('\n')) {
    const [, status, taken] = line.split('\t');
    if (taken === undefined) continue;
    micros.push(Number(taken));
    if (status !== '200') failed += 1;
  }
  micros.sort((a, b) => a - b);
  const at = (share: number): number =>
    (micros[Math.min(micros.length - 1, Math.floor(share * micros.length))] ?? 0) / 1000;
  return {
    requests: micros.length,
    requestsPerSecond: micros.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    failed,
  };
}

async function withFiles<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  use: (path: (name: string) => string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-bench-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    return await use((name) => join(directory, name));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
