/**
 * What clients are told when the application does not answer: whose fault it is, what happened, and what to look at. One
 * table for every failure of the connection to it.
 */
import { ServingError } from '../../core/errors.ts';

/** No connection has been made: nothing of the request was sent. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAGAIN',
  'EADDRNOTAVAIL',
  'EMFILE',
]);

const RETRY_MS = 1000;

/** `app`: its address. `error`: of the connection, before any answer. */
export function appFailure(app: string, error: NodeJS.ErrnoException): ServingError {
  const code = error.code ?? error.message;
  if (code === 'EMFILE') {
    return unavailable(`this server has no file descriptors left to connect to the application at ${app}`);
  }
  if (NOT_CONNECTED.has(code)) {
    return unavailable(`the application at ${app} does not accept connections (${code}); is it running?`);
  }
  if (code.startsWith('ERR_HTTP2_')) {
    return failed(`the application at ${app} did not answer in HTTP/2 (${code}); does it speak HTTP/1.1?`);
  }
  if (code.startsWith('HPE_')) {
    return failed(`the application at ${app} did not answer in HTTP/1.1 (${code}); does it speak another protocol?`);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return failed(`the application at ${app} closed the connection before it had answered; its log may say why`);
  }
  return failed(`the request to the application at ${app} failed (${code})`);
}

/** It had begun to answer. */
export function brokenAnswer(app: string): ServingError {
  return failed(`the application at ${app} broke its answer off; its log may say why`);
}

/** Its address says HTTP/1.1, which has no way for gRPC. */
export function noGrpc(app: string): ServingError {
  const text = `the application at ${app} is asked in HTTP/1.1, which cannot carry gRPC`;
  return new ServingError('unsupported', `${text}; if it speaks HTTP/2, its address must be --app=h2c://`);
}

/** The application's listener did not take the connection in time. */
export function connectTimeout(app: string, ms: number): ServingError {
  return unavailable(`the application at ${app} has not accepted a connection within ${ms} ms; is it overloaded?`);
}

/** `max`: --app_max_concurrency. */
export function appFull(app: string, max: number, waiting: number): ServingError {
  return unavailable(`${allSlots(app, max)}, and ${waiting} requests wait for it; send the request again later`);
}

/** It waited for `ms`, and has no deadline that would say how long it may. */
export function appBusy(app: string, max: number, ms: number): ServingError {
  const fix = 'send it again later, or with a deadline to wait longer';
  return unavailable(`${allSlots(app, max)}, and the request has waited for ${ms} ms; ${fix}`);
}

/** It waited all the client's time. */
export function waitTimeout(app: string, max: number, timeoutMs: number): ServingError {
  const text = `${allSlots(app, max)}; the request's deadline of ${Math.round(timeoutMs)} ms passed while it waited`;
  return new ServingError('deadline_exceeded', `${text}; send a longer one, or fewer requests`);
}

function allSlots(app: string, max: number): string {
  const requests = max === 1 ? 'the one request' : `the ${max} requests`;
  return `the application at ${app} has ${requests} that --app_max_concurrency allows`;
}

/** It has the request, and the client's time is over. */
export function answerTimeout(app: string, timeoutMs: number): ServingError {
  const text = `the application at ${app} has not answered within the request's deadline of ${Math.round(timeoutMs)} ms`;
  return new ServingError('deadline_exceeded', `${text}; send a longer one`);
}

function unavailable(message: string): ServingError {
  return new ServingError('app_unavailable', message, { retryAfterMs: RETRY_MS });
}

function failed(message: string): ServingError {
  return new ServingError('app_failed', message);
}
