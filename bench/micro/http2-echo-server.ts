/**
 * A gRPC echo of raw bytes on one of the stacks compared by http2-echo.ts. Usage: http2-echo-server.js KIND; prints its
 * port as JSON. `engine-later` answers in a later turn of the event loop, as one that waits for a model does;
 * `engine-grpc` is the gRPC surface's engine, which knows messages, metadata and statuses.
 */
import { Buffer } from 'node:buffer';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import process from 'node:process';
import grpc from '@grpc/grpc-js';
import { systemClock } from '../../src/core/clock.ts';
import { MESSAGE_HEAD_BYTES } from '../../src/proxy/grpc/engine.ts';
import { PillionEngine } from '../../src/proxy/grpc/pillion-engine.ts';
import type { Http2Handler } from '../../src/proxy/http2/connection-core.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import { Http2Server } from '../../src/proxy/http2/server.ts';
import type { Http2Stream, StreamSink } from '../../src/proxy/http2/streams/stream.ts';

const HEAD = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const TRAILERS = encodeHeaders([['grpc-status', '0']]);

class EchoCall implements StreamSink {
  readonly #stream: Http2Stream;
  readonly #later: EchoCall[] | undefined;
  readonly #chunks: Uint8Array[] = [];

  constructor(stream: Http2Stream, later: EchoCall[] | undefined) {
    this.#stream = stream;
    this.#later = later;
  }

  onData(chunk: Uint8Array): void {
    this.#stream.consume(chunk.length);
    this.#chunks.push(Buffer.from(chunk));
  }

  onEnd(): void {
    if (this.#later === undefined) this.answer();
    else if (this.#later.push(this) === 1) setImmediate(answerAll, this.#later);
  }

  answer(): void {
    this.#stream.respondUnary(HEAD, joined(this.#chunks), TRAILERS);
  }

  onWritable(): void {}
  onClose(): void {}
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function answerAll(later: EchoCall[]): void {
  for (const call of later.splice(0)) void Promise.resolve().then(() => call.answer());
}

function engineServer(later: EchoCall[] | undefined): Server {
  const handler: Http2Handler = {
    onStream(stream) {
      stream.sink = new EchoCall(stream, later);
    },
    onHandlerError(error) {
      throw error;
    },
  };
  const engine = new Http2Server({ handler, clock: systemClock });
  return createServer({ noDelay: true }, (socket) => engine.accept(socket));
}

function nodeServer(): Server {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      // The client may have left.
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(joined(chunks));
    });
  });
  return server;
}

const sayPort = (port: number): void => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
};

async function startEngineGrpc(): Promise<void> {
  const engine = new PillionEngine({
    clock: systemClock,
    onInternalError: (error) => {
      throw error;
    },
  });
  engine.register({
    path: '/bench.Echo/Echo',
    isClientStream: false,
    enforcesDeadline: true,
    start: (call) => ({
      onMessage(message) {
        const buffer = Buffer.allocUnsafe(MESSAGE_HEAD_BYTES + message.length);
        buffer.set(message, MESSAGE_HEAD_BYTES);
        call.answer(buffer);
      },
      onAbort() {},
    }),
  });
  sayPort(Number((await engine.listen('127.0.0.1:0')).split(':')[1]));
}

function startGrpcJs(): void {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const method = { path: '/bench.Echo/Echo', requestStream: false, responseStream: false };
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const server = new grpc.Server();
  server.addService(
    { Echo: { ...method, ...codec } },
    {
      Echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => done(null, call.request),
    },
  );
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    sayPort(port);
  });
}

const kind = process.argv[2];
if (kind === 'grpc-js') {
  startGrpcJs();
} else if (kind === 'engine-grpc') {
  await startEngineGrpc();
} else {
  const server = kind === 'node:http2' ? nodeServer() : engineServer(kind === 'engine-later' ? [] : undefined);
  server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));
}
process.on('SIGTERM', () => process.exit(0));
