/**
 * The errors of clients when the application does not answer. Each says whose fault it is, what happened, and what to
 * look at. One table has every failure of the connection to it.
 */
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { WRONG_TARGET } from '../../http1/http-errors.ts';

/** No connection has been made, so that nothing of the request was sent: what is wrong, and what to look at. */
const NOT_CONNECTED: Readonly<Record<string, (app: string) => string>> = {
  ECONNREFUSED: (app) =>
    `nothing listens at ${app}: the application is not running, is still starting, or has another address than --app`,
  ENOENT: (app) => `there is no socket file at ${app}: the application is not running, or has another path than --app`,
  EACCES: (app) => `this server may not open ${app}; look at the permissions of the application's socket file`,
  ENOTFOUND: (app) => `no address is known for the host of ${app}; look at the name in --app`,
  EAI_AGAIN: (app) => `the host of ${app} could not be looked up; the name service does not answer`,
  EHOSTUNREACH: (app) => `there is no way to the host of ${app}`,
  ENETUNREACH: (app) => `there is no way to the network of ${app}`,
  EAGAIN: (app) => `the application at ${app} has as many connections waiting as it allows: it hangs or is overloaded`,
  EADDRNOTAVAIL: (app) => `this server has no local port left for another connection to the application at ${app}`,
  EMFILE: (app) =>
    `this server has no file descriptors left to connect to the application at ${app}; send the request again later, or raise its limit (ulimit -n)`,
};

const RETRY_MS = 1000;

/** `app`: its address. `error`: of the connection, before any answer. */
export function appFailure(app: string, error: NodeJS.ErrnoException): ServingError {
  const code = error.code ?? error.message;
  const notConnected = Object.hasOwn(NOT_CONNECTED, code) ? NOT_CONNECTED[code] : undefined;
  if (notConnected !== undefined) return unavailable(`${notConnected(app)} (${code})`);
  if (code.startsWith('ERR_HTTP2_')) {
    return failed(`what the application at ${app} answered is not HTTP/2 (${code}); does it speak HTTP/1.1?`);
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return failed(
      `the headers of the answer of the application at ${app} are longer than 64 KiB; shorten its cookies, say`,
    );
  }
  if (code.startsWith('HPE_')) {
    return failed(
      `what the application at ${app} answered is not HTTP/1.1 (${code}); does it speak TLS or HTTP/2 alone?`,
    );
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    const text = `the application at ${app} closed the connection before it had answered`;
    return failed(`${text}: it has crashed, was restarted, or gave the request up; its log may say why (${code})`);
  }
  return failed(`the request to the application at ${app} failed (${code})`);
}

/** It has answered, with what no client would understand. */
export function noStatus(app: string, status: number): ServingError {
  return failed(`the application at ${app} answered with the status ${status}, which is none: they are 100 to 999`);
}

/** It had begun to answer. */
export function brokenAnswer(app: string): ServingError {
  return failed(`the application at ${app} broke its answer off; its log may say why`);
}

/** `error`: of node's client, which has sent nothing. */
export function unsendable({ code, message }: NodeJS.ErrnoException): ServingError {
  return invalidRequest(
    code === 'ERR_UNESCAPED_CHARACTERS' ? WRONG_TARGET : `the request cannot be sent on: ${message}`,
  );
}

/** The client takes nothing of it for too long. */
export function stalledClient(app: string): ServingError {
  const text = `the client took nothing of the answer of the application at ${app} for as long as --answer_stall_timeout_s allows`;
  return new ServingError('overloaded', `${text}, and was cut off; read answers as they come, or raise it`);
}

/** The client does not take it, and all such answers hold too much. */
export function untakenAnswer(app: string): ServingError {
  const text = `the client did not take the answer of the application at ${app}, and clients together leave too much untaken`;
  return new ServingError('overloaded', `${text}; read answers as they come`, { retryAfterMs: RETRY_MS });
}

/** Its address says HTTP/1.1, which has no way for gRPC. */
export function noGrpc(app: string): ServingError {
  const text = `the application at ${app} is asked in HTTP/1.1, which cannot carry gRPC`;
  return new ServingError('unsupported', `${text}; if it speaks HTTP/2, its address must be --app=h2c://`);
}

/** The application's listener did not take the connection in time. */
export function connectTimeout(app: string, ms: number): ServingError {
  return unavailable(
    `the application at ${app} has not accepted a connection within ${ms} ms: it hangs or is overloaded`,
  );
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
  return new ServingError('deadline_exceeded', `${text}: it is slow or hangs, or the deadline is too short`);
}

function unavailable(message: string): ServingError {
  return new ServingError('app_unavailable', message, { retryAfterMs: RETRY_MS });
}

function failed(message: string): ServingError {
  return new ServingError('app_failed', message);
}
