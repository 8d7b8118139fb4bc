/**
 * Runs every case of h2spec (RFC 9113 and RFC 7541) against the HTTP/2 engine, over TCP and over TLS, against the gRPC
 * port of a server, for each path that a user would ask for, and against one in front of an application. Fails unless all pass. Usage: `node test/conformance/h2spec.mjs [BUILD]`; compiled code is taken from build/ or that directory.
 */
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { createServer as createTlsServer } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { ensureGoProgram } from '../../scripts/lib/go-program.mjs';
import { root } from '../../scripts/lib/setup.mjs';
import { tellCounts } from '../../scripts/lib/suite-runs/counts.mjs';

/** The cases of the pinned version, strict ones included: fewer would mean that some were not run. */
const CASES = 146;

/** Until a case has its frames. None waits for so long but one that fails, and on a busy machine much may take long. */
const TIMEOUT_S = 30;

const build = resolve(process.argv[2] ?? join(root, 'build'));
if (!existsSync(join(build, 'test', 'support', 'http2-handlers.js'))) {
  process.stderr.write(`${build} holds no compiled tests; run \`npx tsc -p tsconfig.json\` first\n`);
  process.exit(1);
}
const load = (path) => import(pathToFileURL(join(build, path)).href);
const { systemClock } = await load('src/core/clock.js');
const { Http2Server } = await load('src/proxy/http2/server.js');
const { EchoHandler } = await load('test/support/http2-handlers.js');
const { FrontedHttp2 } = await load('test/features/fronting/fronted-http2.js');

const h2spec = ensureGoProgram({
  name: 'h2spec',
  directory: 'test/conformance/h2spec',
  main: 'github.com/summerwind/h2spec/cmd/h2spec',
  megabytes: 10,
});
if (h2spec === undefined) process.exit(1);

const { selfSigned } = await load('test/support/self-signed.js');
const { DIGITS, startSidecar } = await load('test/support/sidecar.js');

/** What a user would ask, and what nobody serves. */
const PATHS = [
  '/grpc.health.v1.Health/Check',
  '/tensorflow.serving.PredictionService/Predict',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/no.such.Service/Method',
  '/',
];

/** Runs all cases against a port. Returns whether all passed. */
async function runAll(name, port, extraArguments) {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-o', String(TIMEOUT_S), '--strict', ...extraArguments];
  const child = spawn(h2spec, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  const status = await new Promise((done) => child.on('close', done));
  const passed = Number(/(\d+) passed/.exec(output)?.[1] ?? 0);
  tellCounts({ passed, of: CASES });
  const isWell = status === 0 && passed === CASES;
  if (!isWell) process.stdout.write(output);
  process.stdout.write(`${name}: ${passed} of ${CASES} cases passed\n`);
  return isWell;
}

/** The engine alone, with a handler that echoes. */
async function runEcho(name, makeListener, extraArguments) {
  const handler = new EchoHandler();
  const engine = new Http2Server({ handler, clock: systemClock });
  const listener = makeListener((socket) => engine.accept(socket));
  await new Promise((done) => listener.listen(0, '127.0.0.1', done));
  const isWell = await runAll(name, listener.address().port, extraArguments);
  listener.close();
  engine.destroy();
  process.stdout.write(handler.errors.join('\n'));
  return isWell && handler.errors.length === 0;
}

/** The gRPC port of a server, asked from outside for each path. */
async function runServer() {
  const sidecar = await startSidecar(DIGITS);
  let isWell = true;
  for (const path of PATHS) {
    const port = sidecar.grpc.slice(sidecar.grpc.lastIndexOf(':') + 1);
    isWell = (await runAll(`gRPC port, ${path}`, port, ['-P', path])) && isWell;
  }
  return (await sidecar.stop()) === 0 && isWell;
}

/**
 * In front of an application that speaks HTTP/2, and HTTP/1.1. It answers what has ended: an answer at once, also one for an
 * application that is not there, races with the later frames of a case.
 */
async function runFronted() {
  // Long enough for the cases that lower the window within an answer.
  const body = Buffer.alloc(2000);
  let isWell = true;
  for (const options of [{ app: 'h2c' }, { app: 'http' }]) {
    const fronted = new FrontedHttp2(options);
    fronted.onStream = (stream) => {
      stream.resume().once('end', () => {
        // node ends the body of a stream that was reset.
        if (stream.closed) return;
        stream.respond({ ':status': 200 });
        stream.end(body);
      });
    };
    fronted.onRequest = (request, response) => request.resume().once('end', () => response.end(body));
    await fronted.start();
    const port = fronted.address.slice(fronted.address.lastIndexOf(':') + 1);
    isWell = (await runAll(`in front of ${options.app}`, port, ['-P', '/app'])) && isWell;
    isWell = fronted.internalErrors.length === 0 && isWell;
    await fronted.close();
  }
  return isWell;
}

const overTcp = await runEcho('echo over TCP', createServer, []);
const tls = { ...selfSigned(), ALPNProtocols: ['h2'] };
const overTls = await runEcho('echo over TLS', (accept) => createTlsServer(tls, accept), ['-t', '-k']);
const asServer = await runServer();
const asFront = await runFronted();
process.exitCode = overTcp && overTls && asServer && asFront ? 0 : 1;
