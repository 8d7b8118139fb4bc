/**
 * gRPC-Go's interop server as the application behind the gRPC port (`--app=h2c://HOST:PORT`): the interop cases of
 * gRPC-Go, grpc-java and grpcio through `pillion serve`, and h2spec against the port that fronts it. Fails unless all
 * pass. Usage: `node test/conformance/fronted-grpc.mjs [LANGUAGE…]`; Go's client alone without one. Compiled code is
 * taken from build/.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ensureGoProgram } from '../../scripts/lib/go-program.mjs';
import { root } from '../../scripts/lib/setup.mjs';
import { goClient } from './interop/go-client.mjs';
import { javaClient } from './interop/java-client.mjs';
import { pythonClient } from './interop/python-client.mjs';
import { runClient } from './interop/run-client.mjs';

/** Each gives {language, cases, command, args(address, case)}, or undefined if it cannot be had. */
const CLIENTS = { go: goClient, java: javaClient, python: pythonClient };

const build = join(root, 'build');
if (!existsSync(join(build, 'test', 'support', 'sidecar.js'))) {
  process.stderr.write(`${build} holds no compiled tests; run \`npx tsc -p tsconfig.json\` first\n`);
  process.exit(1);
}
process.chdir(root);
const { DIGITS, startSidecar } = await import(pathToFileURL(join(build, 'test/support/sidecar.js')).href);

/** A method that the application has, and one that it has not. */
const PATHS = ['/grpc.testing.TestService/EmptyCall', '/no.such.Service/Method'];

/** The server takes no port 0. */
async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function untilListening(port, child) {
  while (child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise((done) => {
      socket.once('connect', () => done(true));
      socket.once('error', () => done(false));
    });
    socket.destroy();
    if (isOpen) return;
    await pause(20);
  }
  throw new Error(`the interop server ended with ${child.exitCode}`);
}

function report(name, problem) {
  process.stdout.write(
    `${problem === undefined ? 'ok  ' : 'FAIL'} ${name}\n${problem === undefined ? '' : `${problem}\n`}`,
  );
  return problem === undefined ? 0 : 1;
}

async function runCases({ language, cases, command, args }, address) {
  let failed = 0;
  for (const name of cases)
    failed += report(`${language} ${name}`, (await runClient(command, args(address, name))).problem);
  return failed;
}

const languages = process.argv.length > 2 ? process.argv.slice(2) : ['go'];
const unknown = languages.filter((language) => !(language in CLIENTS));
if (unknown.length > 0) {
  process.stderr.write(`no client in ${unknown.join(', ')}; there are ${Object.keys(CLIENTS).join(', ')}\n`);
  process.exit(1);
}
const server = ensureGoProgram({
  name: 'grpc-interop-server',
  directory: 'test/conformance/grpc-interop-server',
  main: 'google.golang.org/grpc/interop/server',
  megabytes: 40,
});
const h2spec = ensureGoProgram({
  name: 'h2spec',
  directory: 'test/conformance/h2spec',
  main: 'github.com/summerwind/h2spec/cmd/h2spec',
  megabytes: 10,
});
const clients = [];
for (const language of languages) clients.push(await CLIENTS[language]());
if (server === undefined || h2spec === undefined || clients.includes(undefined)) process.exit(1);

const port = await freePort();
const app = spawn(server, [`--port=${port}`], { stdio: ['ignore', 'ignore', 'inherit'] });
let failed = 0;
try {
  await untilListening(port, app);
  const sidecar = await startSidecar([...DIGITS, `--app=h2c://127.0.0.1:${port}`]);
  const [host, grpcPort] = sidecar.grpc.split(':');
  for (const client of clients) failed += await runCases(client, { host, port: grpcPort });
  for (const path of PATHS) {
    const { problem } = await runClient(h2spec, ['-h', host, '-p', grpcPort, '-P', path, '-o', '2', '--strict']);
    failed += report(`h2spec ${path}`, problem);
  }
  await sidecar.stop();
} finally {
  app.kill();
}
process.exitCode = failed === 0 ? 0 : 1;
