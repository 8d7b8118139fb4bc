/**
 * grpc.testing.TestService (https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md) on the engine
 * interface: what the interop clients of other gRPC implementations call. Nothing is stubbed: sizes, intervals,
 * statuses and metadata are as the client asks.
 */
import { Buffer } from 'node:buffer';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Clock, TimerHandle } from '../../src/core/clock.ts';
import {
  type CallReader,
  type CallStatus,
  type GrpcCall,
  type GrpcEngine,
  MESSAGE_HEAD_BYTES,
} from '../../src/proxy/grpc/engine.ts';
import { OK } from '../../src/proxy/grpc/grpc-errors.ts';

const SERVICE = 'grpc.testing.TestService';
const ECHO_INITIAL = 'x-grpc-test-echo-initial';
const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';

interface Payload {
  readonly body: Uint8Array;
}

interface WithStatus {
  readonly response_status: { readonly code: number; readonly message: string } | undefined;
}

interface SimpleRequest extends WithStatus {
  readonly response_size: number;
  readonly fill_server_id: boolean;
}

interface OutputRequest extends WithStatus {
  readonly response_parameters: readonly { readonly size: number; readonly interval_us: number }[];
}

const DEFINITION = loadSync('test/conformance/grpc-interop/test.proto', { keepCase: true, defaults: true })[
  SERVICE
] as ServiceDefinition;

function read<T>(method: string, bytes: Uint8Array): T {
  return DEFINITION[method]!.requestDeserialize(Buffer.from(bytes)) as T;
}

function write(method: string, message: object): Buffer {
  return DEFINITION[method]!.responseSerialize(message);
}

function payload(size: number): Payload {
  return { body: Buffer.alloc(size) };
}

/** Registers it; the engine ends calls at their deadline. */
export function registerInteropService(engine: GrpcEngine, clock: Clock): void {
  const register = (name: string, isClientStream: boolean, start: (call: GrpcCall) => CallReader): void =>
    engine.register({ path: `/${SERVICE}/${name}`, isClientStream, enforcesDeadline: false, start });
  register('EmptyCall', false, (call) => unary(call, () => write('EmptyCall', {})));
  register('UnaryCall', false, (call) =>
    unary(call, (bytes) => {
      const { response_size, response_status, fill_server_id } = read<SimpleRequest>('UnaryCall', bytes);
      if (response_status?.code) return response_status;
      const serverId = fill_server_id ? { server_id: 'the only one' } : {};
      return write('UnaryCall', { payload: payload(response_size), ...serverId });
    }),
  );
  register('StreamingInputCall', true, sumSizes);
  register('StreamingOutputCall', false, (call) => new OutputCall(call, 'StreamingOutputCall', clock));
  register('FullDuplexCall', true, (call) => new OutputCall(call, 'FullDuplexCall', clock));
  register('HalfDuplexCall', true, (call) => new OutputCall(call, 'HalfDuplexCall', clock));
}

/** Sends the caller's metadata back, as the clients ask: at the start, and (returned) with the status. */
function echoMetadata(call: GrpcCall): Pick<CallStatus, 'trailers'> {
  const initial = call.metadata(ECHO_INITIAL);
  if (initial !== undefined) call.setHeaders({ [ECHO_INITIAL]: initial });
  const trailing = call.binaryMetadata(ECHO_TRAILING);
  return trailing === undefined ? {} : { trailers: { [ECHO_TRAILING]: trailing } };
}

function unary(call: GrpcCall, handle: (bytes: Uint8Array) => Buffer | CallStatus): CallReader {
  const trailers = echoMetadata(call);
  return {
    onMessage: (bytes) => {
      const answer = handle(bytes);
      if (!Buffer.isBuffer(answer)) call.end({ code: answer.code, message: answer.message, ...trailers });
      else if (trailers.trailers === undefined) call.answer(Buffer.concat([Buffer.alloc(MESSAGE_HEAD_BYTES), answer]));
      else {
        call.send(answer);
        call.end({ ...OK, ...trailers });
      }
    },
    onAbort: () => undefined,
  };
}

function sumSizes(call: GrpcCall): CallReader {
  let total = 0;
  return {
    onMessage: (bytes) => {
      total += read<{ payload: Payload | null }>('StreamingInputCall', bytes).payload?.body.length ?? 0;
    },
    onEnd: () => {
      call.send(write('StreamingInputCall', { aggregated_payload_size: total }));
      call.end(OK);
    },
    onAbort: () => undefined,
  };
}

/** Answers of given sizes after given intervals, in order; ends when the client has and all are sent. */
class OutputCall implements CallReader {
  readonly #call: GrpcCall;
  readonly #method: string;
  readonly #clock: Clock;
  readonly #trailers: Pick<CallStatus, 'trailers'>;
  readonly #waiting: { readonly size: number; readonly interval_us: number }[] = [];
  #timer: TimerHandle | undefined;
  #isClientDone = false;

  constructor(call: GrpcCall, method: string, clock: Clock) {
    this.#call = call;
    this.#method = method;
    this.#clock = clock;
    this.#trailers = echoMetadata(call);
  }

  onMessage(bytes: Uint8Array): void {
    const { response_status, response_parameters } = read<OutputRequest>(this.#method, bytes);
    if (response_status?.code) {
      this.#call.end({ code: response_status.code, message: response_status.message, ...this.#trailers });
      return;
    }
    this.#waiting.push(...response_parameters);
    // A method of one message is told of no end.
    if (this.#method === 'StreamingOutputCall') this.#isClientDone = true;
    if (this.#method !== 'HalfDuplexCall') this.#next();
  }

  onEnd(): void {
    this.#isClientDone = true;
    this.#next();
  }

  onAbort(): void {
    this.#timer?.cancel();
  }

  #next(): void {
    if (this.#timer !== undefined) return;
    const first = this.#waiting[0];
    if (first === undefined) {
      if (this.#isClientDone) this.#call.end({ ...OK, ...this.#trailers });
      return;
    }
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + first.interval_us / 1000, () => {
      this.#timer = undefined;
      this.#waiting.shift();
      this.#call.send(write(this.#method, { payload: payload(first.size) }));
      this.#next();
    });
  }
}
