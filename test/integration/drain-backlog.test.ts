/**
 * `pillion serve` told to end while clients wait to be accepted, or are in the middle of their TLS handshake: they have
 * sent what they had to say, and are answered.
 */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ConfigFiles } from '../support/config-files.ts';
import { type EngineName, engineFlags, isListed } from '../support/engine-names.ts';
import { freePort } from '../support/free-port.ts';
import { hasFeature } from '../support/has-feature.ts';
import { headerV2Of } from '../support/proxy-headers.ts';
import { answerOf, frame, openCall } from '../support/raw-grpc.ts';
import { selfSigned } from '../support/self-signed.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { restBytes } from '../support/surface-clients.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { floats, outputOf, PREDICT, predict } from '../support/surface-request.ts';

/** Of each kind, of which two may share a queue; the kernel keeps 511 waiting. */
const CLIENTS = 200;
/** A handshake costs both ends far more, and they have two seconds for all of them. */
const TLS_CLIENTS = 50;
const REQUEST = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });

afterEach(killSidecars);

/** Resolves once the kernel has the connection; `answered`: the request is sent as soon as may be, and its answer is right. */
interface Waiting {
  readonly answered: Promise<boolean>;
}

async function restClient(tcp: Socket, wrap: (tcp: Socket) => Socket): Promise<Waiting> {
  await once(tcp, 'connect');
  const socket = wrap(tcp);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(restBytes(REQUEST.rest));
  const answered = once(socket, 'close').then(
    () => /^HTTP\/1\.1 200 .*\[1\.0,2\.0,3\.0,4\.0\]/s.test(String(Buffer.concat(chunks))),
    () => false,
  );
  return { answered };
}

async function grpcClient(tcp: Socket, wrap: (tcp: Socket) => Socket): Promise<Waiting> {
  await once(tcp, 'connect');
  const session = connectHttp2('http://localhost', { createConnection: () => wrap(tcp) });
  session.on('error', () => undefined);
  const stream = openCall(session, PREDICT);
  stream.end(frame(REQUEST.grpc.message!));
  const answered = answerOf(stream).then(
    ({ grpcStatus, message }) => grpcStatus === 0 && String(outputOf(message!).values) === '1,2,3,4',
    () => false,
  );
  return { answered: answered.finally(() => session.destroy()) };
}

interface Layout {
  readonly engine: EngineName;
  readonly hasTls?: boolean;
  /** One port for both, and one Unix socket. */
  readonly isJoined?: boolean;
  readonly hasProxy?: boolean;
}

// On ports of their own grpc-js tells a client whose handshake has just ended to send its request elsewhere.
const LAYOUTS: readonly Layout[] = [
  { engine: 'pillion' },
  { engine: 'pillion', hasTls: true },
  { engine: 'grpc-js' },
  { engine: 'pillion', isJoined: true },
  { engine: 'pillion', isJoined: true, hasTls: true },
  { engine: 'pillion', isJoined: true, hasProxy: true },
  { engine: 'pillion', isJoined: true, hasTls: true, hasProxy: true },
  { engine: 'pillion', hasProxy: true },
  { engine: 'pillion', hasTls: true, hasProxy: true },
  { engine: 'grpc-js', isJoined: true },
  { engine: 'grpc-js', isJoined: true, hasTls: true },
];

describe('clients that wait to be accepted when the server is told to end are answered', () => {
  for (const layout of LAYOUTS.filter((each) => isListed(each) && (!each.hasProxy || hasFeature('proxy-protocol')))) {
    test(`${JSON.stringify(layout)}, and on Unix sockets`, async (t) => {
      const { engine, hasTls = false, isJoined = false, hasProxy = false } = layout;
      const files = new ConfigFiles(t);
      const { key, cert } = selfSigned();
      const tls = [`--tls_key_file=${files.write('key', key)}`, `--tls_cert_file=${files.write('cert', cert)}`];
      const [restPath, grpcPath] = ['rest', isJoined ? 'rest' : 'grpc'].map((n) => join(files.directory, `${n}.sock`));
      const port = isJoined ? await freePort() : 0;
      const sidecar = await startSidecar([
        ...[...writeSurfaceModels(files.directory, ['float']), ...engineFlags(engine), '--num_batch_threads=1'],
        ...[`--rest_socket_path=${restPath}`, `--grpc_socket_path=${grpcPath}`, ...(hasTls ? tls : [])],
        ...[`--port=${port}`, `--rest_api_port=${port}`, ...(hasProxy ? ['--proxy_protocol'] : [])],
      ]);
      const plain = (tcp: Socket): Socket => tcp;
      const behind = (tcp: Socket): Socket => {
        if (hasProxy) tcp.write(headerV2Of('203.0.113.7', 4000));
        return tcp;
      };
      const secure = (protocol: string) => (tcp: Socket) =>
        connectTls({ socket: behind(tcp), ca: cert, servername: 'localhost', ALPNProtocols: [protocol] });
      const [rest, grpc] = ports(sidecar);
      sidecar.process.kill('SIGSTOP');
      const clients = await Promise.all(
        Array.from({ length: hasTls ? TLS_CLIENTS : CLIENTS }, () => [
          restClient(connect(rest, '127.0.0.1'), hasTls ? secure('http/1.1') : behind),
          grpcClient(connect(grpc, '127.0.0.1'), hasTls ? secure('h2') : behind),
          restClient(connect(restPath!), plain),
          grpcClient(connect(grpcPath!), plain),
        ]).flat(),
      );
      sidecar.process.kill('SIGTERM');
      sidecar.process.kill('SIGCONT');
      const answers = await Promise.all(clients.map(({ answered }) => answered));
      const lost = answers.flatMap((isRight, i) => (isRight ? [] : [i % 4]));
      assert.deepEqual(lost, []);
      assert.equal(await sidecar.exited, 0);
    });
  }
});

function ports({ rest, grpc }: Sidecar): readonly [number, number] {
  return [Number(new URL(rest).port), Number(grpc.split(':')[1])];
}
