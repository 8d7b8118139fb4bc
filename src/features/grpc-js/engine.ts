/**
 * The engine on @grpc/grpc-js: methods, limits, draining, closing. A single call is in call.ts.
 *
 * - Messages: at most `maxReceiveBytes`, after decompression too. Answers are not limited.
 * - Keepalive: an idle connection is pinged each minute and closed if nothing comes back for 20 s. Otherwise the calls
 *   of a client host that vanished would stay for the hours that TCP takes.
 * - Connections are accepted by a Listener and passed on: grpc-js hides bind errors, writes its own to stderr, and
 *   without channelz its forceShutdown leaves connections open.
 * - An unknown path is answered by grpc-js itself with UNIMPLEMENTED.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  setLogVerbosity,
} from '@grpc/grpc-js';
import type { Clock } from '../../core/clock.ts';
import { BodyWatch } from '../../proxy/body-pace.ts';
import { Callers } from '../../proxy/caller.ts';
import {
  DEFAULT_MAX_RECEIVE_BYTES,
  type GrpcEngine,
  type GrpcEngineOptions,
  type GrpcMethod,
} from '../../proxy/grpc/engine.ts';
import { Listener } from '../../proxy/grpc/listener.ts';
import { InflationGate } from '../../proxy/inflation.ts';
import { MemoryBudget } from '../../proxy/memory-budget.ts';
import { type CallContext, GrpcJsCall } from './call.ts';
import { GrpcJsOccupants } from './occupants.ts';
import { SocketsByAddress } from './sockets-by-address.ts';

const KEEPALIVE_TIME_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/** How long a connection without calls may stay open in a drain: its client has heard GOAWAY and should close it. */
const LINGER_MS = 2000;

// It would print metadata that it cannot take to standard error, credentials included.
setLogVerbosity(logVerbosity.NONE);

/** A call that was taken over: grpc-js starts it, and its own handling of the call does not run. */
class TakenOverCall extends ServerInterceptingCall {
  readonly #call: GrpcJsCall;

  constructor(bare: ConstructorParameters<typeof ServerInterceptingCall>[0], call: GrpcJsCall) {
    super(bare);
    this.#call = call;
  }

  override start(): void {
    this.#call.begin();
  }
}

export class GrpcJsEngine implements GrpcEngine {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #methods = new Map<string, GrpcMethod>();
  readonly #clock: Clock;
  #openCalls = 0;
  #isDraining = false;

  constructor(options: GrpcEngineOptions) {
    this.#clock = options.clock;
    const maxReceiveBytes = options.maxReceiveBytes ?? DEFAULT_MAX_RECEIVE_BYTES;
    const sockets = new SocketsByAddress();
    const occupants = new GrpcJsOccupants(options.clock);
    const shared: CallContext = {
      occupants,
      clock: options.clock,
      maxReceiveBytes,
      callers: options.callers ?? new Callers(),
      sockets,
      memory: options.memory ?? new MemoryBudget(),
      bodies: new BodyWatch(options.clock, options.bodyTimeoutS ?? Infinity),
      inflations: options.inflations ?? new InflationGate(),
      onOpenCalls: (change) => this.#countCalls(change),
      onInternalError: options.onInternalError,
    };
    const takeOver: ServerInterceptor = (descriptor, bare) =>
      new TakenOverCall(bare, new GrpcJsCall(bare, this.#methods.get(descriptor.path)!, shared));
    this.#server = new Server({
      interceptors: [takeOver],
      'grpc.max_receive_message_length': maxReceiveBytes,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      // Statistics that nobody reads, at a cost for every call.
      'grpc.enable_channelz': 0,
    });
    // The Listener does TLS: with credentials of its own grpc-js waits two minutes for a slow handshake.
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const take = (socket: Socket) => {
      sockets.add(socket);
      injector.injectConnection(socket);
      return occupants.add(socket);
    };
    this.#listener = new Listener(take, options.listenerAccess, options.tls);
  }

  register(method: GrpcMethod): void {
    if (this.#methods.has(method.path)) throw new Error(`${method.path} is registered twice`);
    this.#methods.set(method.path, method);
    // The handler is never reached: every call is taken over before it.
    this.#server.register(method.path, () => undefined, identity, identity, method.isClientStream ? 'bidi' : 'unary');
  }

  listen(address: string): Promise<string> {
    return this.#listener.listen(address);
  }

  accept(socket: Socket): void {
    this.#listener.take(socket);
  }

  turnAway(): void {}

  async drain(): Promise<void> {
    await this.#listener.stopAccepting();
    // Later ones would be ended without a GOAWAY.
    await this.#listener.untilShaken(this.#clock, LINGER_MS);
    this.#isDraining = true;
    this.#countCalls(0);
    await new Promise<void>((resolve, reject) => {
      this.#server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
    });
    // Node 24 calls back before the last stream has ended.
    await this.#listener.untilEmpty();
  }

  /** grpc-js waits without end for clients that send nothing, or do not close. */
  #countCalls(change: number): void {
    this.#openCalls += change;
    if (!this.#isDraining || this.#openCalls > 0) return;
    this.#clock.setTimer(this.#clock.nowMs() + LINGER_MS, () => {
      if (this.#openCalls === 0) this.#listener.destroy();
    });
  }

  close(): Promise<void> {
    this.#listener.destroy();
    return this.drain();
  }
}

function identity(bytes: Buffer): Buffer {
  return bytes;
}
