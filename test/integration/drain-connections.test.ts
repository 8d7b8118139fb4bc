/** `pillion serve` told to end: clients that read large answers slowly have them whole, silent ones are not waited for. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { ConfigFiles } from '../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { PREFACE, settings } from '../support/http2-frames.ts';
import { frame, openCall } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { restBytes } from '../support/surface-clients.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { outputOf, PREDICT, predict, tensor } from '../support/surface-request.ts';

/** Its answer is larger than what a kernel takes off the server for a client that does not read. */
const ROWS = 150_000;
const REQUEST = predict({
  model: 'float',
  inputs: { x: tensor('float32', [ROWS, 4], new Array<number>(ROWS * 4).fill(0.5)) },
});
const ARGS = [`--max_batch_size=${ROWS}`, '--num_batch_threads=1', `--max_message_bytes=${64 * 2 ** 20}`];
/** Longer than a server waits for clients that only have to close. */
const PAUSE_MS = 4000;

afterEach(killSidecars);

/** Sends a request on a connection and stops reading when the answer begins. */
interface SlowReader {
  readonly begun: Promise<void>;
  /** Reads on, to the end; whether the answer is whole and right. */
  finish(): Promise<boolean>;
}

function slowRest(socket: Socket): SlowReader {
  const chunks: Buffer[] = [];
  const begun = once(socket, 'data').then(([chunk]) => {
    socket.pause();
    chunks.push(chunk as Buffer);
  });
  socket.write(restBytes(REQUEST.rest));
  const finish = async (): Promise<boolean> => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.resume();
    await once(socket, 'close');
    const whole = Buffer.concat(chunks);
    const body = whole.subarray(whole.indexOf('\r\n\r\n') + 4);
    const { outputs } = JSON.parse(body.toString()) as { outputs: number[][] };
    return outputs.length === ROWS && outputs.every((row) => row.join() === '0.5,0.5,0.5,0.5');
  };
  return { begun, finish };
}

function slowGrpc(session: ClientHttp2Session): SlowReader {
  const stream = openCall(session, PREDICT);
  stream.end(frame(REQUEST.grpc.message!));
  const chunks: Buffer[] = [];
  const begun = once(stream, 'data').then(([chunk]) => {
    stream.pause();
    chunks.push(chunk as Buffer);
  });
  const finish = async (): Promise<boolean> => {
    const trailers = once(stream, 'trailers') as Promise<[Record<string, string>]>;
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.resume();
    const [{ 'grpc-status': status }] = await trailers;
    const { values } = outputOf(Buffer.concat(chunks).subarray(5));
    return status === '0' && values.length === ROWS * 4 && values.every((each) => each === 0.5);
  };
  return { begun, finish };
}

describe('a drain waits for slow readers', () => {
  for (const engine of ENGINE_NAMES) {
    test(`of gRPC by ${engine} and of REST, over TLS and Unix sockets`, async (t) => {
      const files = new ConfigFiles(t);
      const { key, cert } = selfSigned();
      const [rest, grpc] = ['rest', 'grpc'].map((name) => join(files.directory, `${name}.sock`));
      const sidecar = await startSidecar([
        ...[...writeSurfaceModels(files.directory, ['float']), ...ARGS, ...engineFlags(engine)],
        ...[`--rest_socket_path=${rest}`, `--grpc_socket_path=${grpc}`],
        ...[`--tls_key_file=${files.write('key', key)}`, `--tls_cert_file=${files.write('cert', cert)}`],
      ]);
      const tls = (port: string): Socket => connectTls({ port: Number(port), ca: cert, servername: 'localhost' });
      const sessions = [
        connectHttp2(`https://localhost:${sidecar.grpc.split(':')[1]}`, { ca: cert }),
        connectHttp2('http://localhost', { createConnection: () => connect(grpc!) }),
      ];
      const readers = [
        ...[tls(new URL(sidecar.rest).port), connect(rest!)].map(slowRest),
        ...sessions.map((session) => slowGrpc(session)),
      ];
      await Promise.all(readers.map(({ begun }) => begun));
      sidecar.process.kill('SIGTERM');
      await sidecar.line(({ event }) => event === 'draining');
      await delay(PAUSE_MS);
      assert.deepEqual(await Promise.all(readers.map((reader) => reader.finish())), [true, true, true, true]);
      assert.equal(await sidecar.exited, 0);
      for (const session of sessions) session.destroy();
    });
  }
});

/** Of an HTTP/2 client that never answers: its preface and empty SETTINGS. */
const BEGUN = Buffer.concat([PREFACE, settings()]);

describe('a drain does not wait for clients that have nothing to get', () => {
  for (const engine of ENGINE_NAMES) {
    for (const hasTls of [false, true]) {
      test(`${engine}, ${hasTls ? 'with' : 'without'} TLS`, async (t) => {
        const files = new ConfigFiles(t);
        const { key, cert } = selfSigned();
        const tls = [`--tls_key_file=${files.write('key', key)}`, `--tls_cert_file=${files.write('cert', cert)}`];
        const models = writeSurfaceModels(files.directory, ['float']);
        // Whoever is waited for would be so for ten minutes.
        const patient = ['--drain_timeout_ms=600000', ...engineFlags(engine)];
        const sidecar = await startSidecar([...models, ...patient, ...(hasTls ? tls : [])]);
        const [grpc, rest] = [sidecar.grpc.split(':')[1], new URL(sidecar.rest).port];
        const sent: readonly (readonly [port: string | undefined, bytes: Buffer])[] = [
          [grpc, Buffer.alloc(0)],
          [grpc, BEGUN],
          [rest, Buffer.alloc(0)],
          [rest, Buffer.from('POST /v1/models/float:predict HTTP/1.1\r\nhost: a\r\n')],
        ];
        const sockets = await Promise.all(
          sent.map(async ([port, bytes]) => {
            const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
            socket.on('error', () => undefined);
            socket.resume();
            await once(socket, 'connect');
            socket.write(bytes);
            return socket;
          }),
        );
        assert.equal(await sidecar.stop(), 0);
        for (const socket of sockets) socket.destroy();
      });
    }
  }
});
