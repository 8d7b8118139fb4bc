/** Health checks as an orchestrator makes them: each on a connection of its own, which is closed afterwards. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { get } from 'node:http';
import { answerOf, frame, openCall, openSession } from './raw-grpc.ts';
import type { Sidecar } from './sidecar.ts';

/** The status of GET; an error's code if there is no answer. */
export function httpStatus(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    }).once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** The health service's answer, as bytes; an error's code if there is no answer. "0801" is SERVING. */
export async function grpcHealth(address: string): Promise<string> {
  const session = openSession(address);
  try {
    const failed = once(session, 'error').then(([error]) => (error as NodeJS.ErrnoException).code ?? 'error');
    const call = openCall(session, '/grpc.health.v1.Health/Check');
    const answer = answerOf(call).then(
      ({ message }) => message?.toString('hex') ?? 'none',
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
    call.end(frame(Buffer.alloc(0)));
    return await Promise.race([answer, failed]);
  } finally {
    session.destroy();
  }
}

/** Asks each surface. Healthy: `{ live: 200, ready: 200, rest: 200, grpc: '0801' }`. */
export async function probe({ admin, rest, grpc }: Sidecar): Promise<Record<string, number | string>> {
  const [live, ready, status, health] = await Promise.all([
    httpStatus(`${admin}/live`),
    httpStatus(`${admin}/ready`),
    httpStatus(`${rest}/v1/models/digits`),
    grpcHealth(grpc),
  ]);
  return { live, ready, rest: status, grpc: health };
}

export const HEALTHY = { live: 200, ready: 200, rest: 200, grpc: '0801' };
