/**
 * One request of the REST API, run by the same methods, so that the console's page needs no other origin. It counts as a
 * request of the peer "console".
 *
 *   POST /playground/predict?model=NAME[&version=N]   a body of the REST API; also /classify, /regress
 *   POST /playground/request?method=GET&path=/v2      any request that asks a model or reads, by its path
 *
 * The answer is that of the REST API, with the id for GET /requests/ID in x-request-id and the stages in server-timing.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessMethod } from '../../core/access-method.ts';
import { clientLeft } from '../../core/cancel.ts';
import { invalidRequest, ServingError, toServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../../ledger/stage-clock.ts';
import { BodyWatch } from '../../proxy/body-pace.ts';
import { runCall } from '../../proxy/call.ts';
import { JSON_TYPE, serverTiming } from '../../proxy/http1/answer-head.ts';
import { type BodyContext, BodyReader } from '../../proxy/http1/body/body-reader.ts';
import { readMessageBody } from '../../proxy/http1/body/node-body.ts';
import { errorBody } from '../../proxy/http1/http-errors.ts';
import { InflationGate } from '../../proxy/inflation.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import type { RoutedMethod } from '../../proxy/servers/rest-part.ts';
import { wholeBody } from '../../proxy/sliced-body.ts';
import type { FlightRecorder } from '../flight-recorder/flight-recorder.ts';

export interface PlaygroundOptions {
  readonly lifecycle: RequestLifecycle;
  readonly recorder: Pick<FlightRecorder, 'open'>;
  readonly maxBodyBytes: number;
  readonly onInternalError: (error: unknown) => void;
}

/** A person at a page does not wait longer. */
const TIMEOUT_MS = 30_000;
const NO_BODY = Buffer.alloc(0);
/** These change nothing. What changes the server has paths of its own on this port, by which it is audited. */
const ALLOWED: readonly (AccessMethod | undefined)[] = [
  ...[undefined, 'metadata', 'status'],
  ...['predict', 'classify', 'regress'],
] as const;

/** Throws the reason why the page does not send such a request. */
export function checkRouted(routed: RoutedMethod | undefined): RoutedMethod {
  if (routed === undefined) throw invalidRequest('this path is answered on the REST port alone; ask it there');
  if (routed.form.contentType.startsWith('text/event-stream')) {
    throw invalidRequest('this path answers with a stream of events; ask it on the REST port');
  }
  if (ALLOWED.includes(routed.method.access)) return routed;
  throw new ServingError('permission_denied', 'this request changes the server; send it to the REST port');
}

export class Playground {
  readonly #options: PlaygroundOptions;
  readonly #bodies: BodyContext;

  constructor(options: PlaygroundOptions) {
    this.#options = options;
    const { lifecycle } = options;
    // Its requests have a short deadline of their own.
    const watch = new BodyWatch(lifecycle.clock, Infinity);
    this.#bodies = { memory: lifecycle.memory, watch, inflations: new InflationGate() };
  }

  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    { method, spec, form }: RoutedMethod,
  ): Promise<void> {
    const { lifecycle } = this.#options;
    const context = lifecycle.begin({
      surface: 'rest',
      method: method.name,
      receivedAt: lifecycle.clock.nowMs(),
      timeoutMs: TIMEOUT_MS,
      requestId: undefined,
      peer: 'console',
      caller: 'console',
      callerTrace: undefined,
    });
    response.once('close', () => {
      if (!response.writableEnded) context.cancel.cancel(clientLeft(context.stages.reached));
    });
    let error: ServingError | undefined;
    try {
      const body = method.hasNoBody === true ? NO_BODY : await this.#read(request, context);
      send(response, 200, await this.#run(method, body, context, spec), context, form.contentType);
    } catch (thrown) {
      error = toServingError(thrown);
      if (error.kind === 'internal') this.#options.onInternalError(error.cause ?? error);
      const answer = errorBody(error.message);
      context.responseBytes = answer.length;
      send(response, error.row.http, answer, context);
    } finally {
      context.cancel.listener = undefined;
      lifecycle.finish(context, error);
      // The page links to it.
      this.#options.recorder.open(context.id);
    }
  }

  /** Rejects also if the request is cancelled before its body has arrived. */
  #read(request: IncomingMessage, context: RequestContext): Promise<Buffer> {
    context.cancel.throwIfCancelled();
    const reader = new BodyReader(request.headers, this.#options.maxBodyBytes, context, this.#bodies);
    if (reader.refusal !== undefined) throw reader.refusal;
    return new Promise((resolve, reject) => {
      context.cancel.listener = {
        onCancel: (reason) => {
          reader.stop();
          reject(reason);
        },
      };
      readMessageBody(request, reader).then(resolve, reject);
    });
  }

  async #run(method: RoutedMethod['method'], body: Buffer, context: RequestContext, spec: ModelSpec): Promise<Buffer> {
    context.cancel.listener = undefined;
    context.cancel.throwIfCancelled();
    context.requestBytes = body.length;
    context.stages.enter(STAGE_DECODE, context.now());
    const decoded = method.decode(body, spec, context);
    // A body that was scanned at once has to be read in the same turn.
    const call = decoded instanceof Promise ? await decoded : decoded;
    const result = await runCall(call);
    context.cancel.throwIfCancelled();
    context.stages.enter(STAGE_ENCODE, context.now());
    const answer = await wholeBody(await method.encode(result, call));
    context.responseBytes = answer.length;
    return answer;
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: Buffer,
  context: RequestContext,
  contentType = JSON_TYPE,
): void {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-request-id': context.id,
    'server-timing': serverTiming(context.stages, context.now()),
  });
  response.end(body);
}
