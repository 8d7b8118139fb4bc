/** The neighbour of an attack: small requests at an even pace, each with a deadline, over one connection. */
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { answerOf, openCall, openSession } from '../../support/raw-grpc.ts';
import { type Counts, count } from '../driving.ts';
import { PREDICT_PATH, predictFrame, type Target } from './attack.ts';

export interface SmallRequests {
  readonly surface: 'grpc' | 'rest';
  readonly total: number;
  readonly perSecond: number;
  /** How long an answer is waited for. */
  readonly deadlineMs: number;
}

export interface SmallResult {
  readonly ok: number;
  /** By status. */
  readonly counts: Counts;
  readonly p50: number;
  readonly p99: number;
  /** Texts of failures, a few. */
  readonly failures: readonly string[];
}

interface Answer {
  readonly status: string;
  readonly text: string;
}

/** Sends whether the ones before were answered or not; resolves when all have been answered or are over the deadline. */
export async function sendSmallRequests(target: Target, small: SmallRequests): Promise<SmallResult> {
  const client = small.surface === 'grpc' ? grpcClient(target, small) : restClient(target, small);
  const times: number[] = [];
  const failures: string[] = [];
  const counts: Counts = {};
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < small.total; i++) {
    const due = startedAt + (i * 1000) / small.perSecond;
    if (due > performance.now()) await wait(due - performance.now());
    const sentAt = performance.now();
    calls.push(
      client.ask().then(({ status, text }) => {
        count(counts, status);
        if (status === 'ok') times.push(performance.now() - sentAt);
        else if (failures.length < 5) failures.push(`${status}: ${text}`);
      }),
    );
  }
  await Promise.all(calls);
  client.close();
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return { ok: counts['ok'] ?? 0, counts, p50: at(0.5), p99: at(0.99), failures };
}

interface Client {
  ask(): Promise<Answer>;
  close(): void;
}

function grpcClient(target: Target, { deadlineMs }: SmallRequests): Client {
  const session = openSession(target.grpc);
  const message = predictFrame(target, 1);
  return {
    ask: async () => {
      const stream = openCall(session, PREDICT_PATH, { 'grpc-timeout': `${deadlineMs}m` });
      stream.end(message);
      const { grpcStatus, grpcMessage } = await answerOf(stream).catch((error: Error) => ({
        grpcStatus: -1,
        grpcMessage: error.message,
      }));
      return { status: grpcStatus === 0 ? 'ok' : `grpc ${grpcStatus}`, text: grpcMessage };
    },
    close: () => session.close(),
  };
}

/** REST has no deadlines: an answer after `deadlineMs` counts as none. */
function restClient({ rest, model, rowShape }: Target, { deadlineMs }: SmallRequests): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const body = JSON.stringify({ instances: rowShape.length === 0 ? [1] : [[1]] });
  const headers = { 'content-length': body.length };
  const ask = (): Promise<Answer> =>
    new Promise((resolve) => {
      const options = { agent, method: 'POST', headers, signal: AbortSignal.timeout(deadlineMs) };
      const call = request(`${rest}/v1/models/${model}:predict`, options, async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode === 200 ? 'ok' : `http ${response.statusCode}`, text });
      });
      call.on('error', (error) => resolve({ status: 'no answer', text: error.message }));
      call.end(body);
    });
  return { ask, close: () => agent.destroy() };
}
