/**
 * The engine of the case that runs with a small service on it, and what the service saw:
 *
 *   Echo    unary            answers with its message
 *   Metadata unary           sends `x-text`, `x-data-bin` and `x-many` back, as headers and as trailers, with a status
 *   Chat    client stream    answers each message with itself; ends when the client does
 *   Hang    unary            answers when the case does
 *   Listen  client stream    the same; the engine keeps its deadline
 *   Throw   client stream    throws where `x-where` says
 */
import { Buffer } from 'node:buffer';
import * as grpc from '@grpc/grpc-js';
import type { ServingError } from '../../src/core/errors.ts';
import {
  type CallReader,
  type GrpcCall,
  type GrpcEngine,
  MESSAGE_HEAD_BYTES,
  type MetadataEntries,
} from '../../src/proxy/grpc/engine.ts';
import { OK } from '../../src/proxy/grpc/grpc-errors.ts';
import { currentEngine, type EngineInit } from './grpc-engines.ts';

/** One call as its reader saw it. */
export class SeenCall {
  readonly call: GrpcCall;
  readonly messages: Uint8Array[] = [];
  readonly aborts: ServingError[] = [];
  hasEnded = false;
  readonly #changed: () => void;

  constructor(call: GrpcCall, changed: () => void) {
    this.call = call;
    this.#changed = changed;
  }

  reader(onMessage: (message: Uint8Array) => void, onEnd: () => void): CallReader {
    return {
      onMessage: (message) => {
        this.messages.push(message);
        this.#changed();
        onMessage(message);
      },
      onEnd: () => {
        this.hasEnded = true;
        this.#changed();
        onEnd();
      },
      onAbort: (error) => {
        this.aborts.push(error);
        this.#changed();
      },
    };
  }
}

export class EngineHarness {
  readonly engine: GrpcEngine;
  readonly calls: SeenCall[] = [];
  readonly internalErrors: unknown[] = [];
  address = '';
  readonly #clients: grpc.Client[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #changed = (): void => {
    for (const check of this.#waiting) check();
  };

  constructor(init: Partial<EngineInit>) {
    this.engine = currentEngine().create({
      maxReceiveBytes: 16 << 20,
      onInternalError: (error) => this.internalErrors.push(error),
      ...init,
    });
    this.#register('Echo', false, (seen) =>
      seen.reader(
        (message) => seen.call.answer(withRoom(message)),
        () => undefined,
      ),
    );
    this.#register('Metadata', false, (seen) => seen.reader(() => sendBack(seen.call), nothing));
    this.#register('Chat', true, (seen) =>
      seen.reader(
        (message) => seen.call.send(message),
        () => seen.call.end(OK),
      ),
    );
    this.#register('Hang', false, (seen) => seen.reader(nothing, nothing), true);
    this.#register('Listen', true, (seen) => seen.reader(nothing, nothing));
    this.#register('Throw', true, (seen) => throwing(seen.call.metadata('x-where') ?? ''));
  }

  #register(
    name: string,
    isClientStream: boolean,
    start: (seen: SeenCall) => CallReader,
    enforcesDeadline = false,
  ): void {
    this.engine.register({
      path: `/t.T/${name}`,
      isClientStream,
      enforcesDeadline,
      start: (call) => {
        const seen = new SeenCall(call, this.#changed);
        this.calls.push(seen);
        this.#changed();
        return start(seen);
      },
    });
  }

  /** Resolves as soon as `check` holds; it is looked at whenever a call sees something. */
  until(check: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!check()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** A client with a connection of its own. */
  client(options: grpc.ClientOptions = {}): grpc.Client {
    const client = new grpc.Client(this.address, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.engine.close();
  }
}

export async function withEngine(
  use: (server: EngineHarness) => Promise<void>,
  init: Partial<EngineInit> = {},
): Promise<void> {
  const harness = new EngineHarness(init);
  harness.address = await harness.engine.listen('127.0.0.1:0');
  try {
    await use(harness);
  } finally {
    await harness.stop();
  }
}

export interface UnaryAnswer {
  readonly message: Buffer;
  readonly headers: grpc.Metadata;
  readonly status: grpc.StatusObject;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** Rejects with the client's grpc.ServiceError. */
export function unary(
  client: grpc.Client,
  method: string,
  message: Uint8Array,
  metadata: Readonly<Record<string, string | Buffer>> = {},
  options: grpc.CallOptions = {},
): Promise<UnaryAnswer> {
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return new Promise((resolve, reject) => {
    let headers = new grpc.Metadata();
    let answer: Buffer | undefined;
    const call = client.makeUnaryRequest(
      `/t.T/${method}`,
      asIs,
      asIs,
      Buffer.from(message),
      sent,
      options,
      (error, got) => {
        if (error) reject(error);
        else answer = got!;
      },
    );
    call.on('metadata', (received) => {
      headers = received;
    });
    call.on('status', (status) => {
      if (answer !== undefined) resolve({ message: answer, headers, status });
    });
  });
}

export function bidi(client: grpc.Client, method: string): grpc.ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest(`/t.T/${method}`, asIs, asIs);
}

export function withRoom(message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.alloc(MESSAGE_HEAD_BYTES), message]);
}

function nothing(): void {}

function sendBack(call: GrpcCall): void {
  const entries: Record<string, string | Uint8Array> = {};
  for (const name of ['x-text', 'x-many']) {
    const text = call.metadata(name);
    if (text !== undefined) entries[name] = text;
  }
  const data = call.binaryMetadata('x-data-bin');
  if (data !== undefined) entries['x-data-bin'] = data;
  const renamed = (prefix: string): MetadataEntries =>
    Object.fromEntries(Object.entries(entries).map(([name, value]) => [`${prefix}${name}`, value]));
  call.setHeaders(renamed('h-'));
  call.send(new Uint8Array(0));
  call.end({ ...OK, trailers: renamed('t-') });
}

function throwing(where: string): CallReader {
  const throwAt = (place: string) => (): void => {
    if (place === where) throw new Error(`thrown in ${place}`);
  };
  throwAt('start')();
  return { onMessage: throwAt('onMessage'), onEnd: throwAt('onEnd'), onAbort: throwAt('onAbort') };
}
