/**
 * Runs gRPC's interop cases (grpc/doc/interop-test-descriptions.md) of two other implementations against both engines:
 * gRPC-Go's own client, and those of grpc_interop.py on Python's grpcio (gRPC's C core). Fails unless all pass.
 * Usage: `node test/conformance/grpc-interop.mjs [BUILD]`; compiled code is taken from build/ or that directory.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ensureGoProgram } from '../../scripts/lib/go-program.mjs';
import { ensurePython, root } from '../../scripts/lib/setup.mjs';

/** All that gRPC-Go has but those that need TLS, accounts of a cloud, or several servers. */
const GO_CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'pick_first_unary',
];
const CASE_TIMEOUT_MS = 30_000;

const build = resolve(process.argv[2] ?? join(root, 'build'));
if (!existsSync(join(build, 'test', 'support', 'interop-service.js'))) {
  process.stderr.write(`${build} holds no compiled tests; run \`npx tsc -p tsconfig.json\` first\n`);
  process.exit(1);
}
process.chdir(root);
const load = (path) => import(pathToFileURL(join(build, path)).href);
const { systemClock } = await load('src/core/clock.js');
const { GRPC_JS, PILLION } = await load('test/support/grpc-engines.js');
const { registerInteropService } = await load('test/support/interop-service.js');

const goClient = ensureGoProgram({
  name: 'grpc-interop-client',
  directory: 'test/conformance/grpc-interop',
  main: 'google.golang.org/grpc/interop/client',
  megabytes: 40,
});
if (goClient === undefined) process.exit(1);
const python = ensurePython('clients', 'test/clients/requirements.txt');

/** Resolves with what the client wrote if it failed, undefined if it ended well. */
function runClient(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: CASE_TIMEOUT_MS });
  const output = [];
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => output.push(bytes));
  return new Promise((done) => {
    child.on('error', (error) => done(error.message));
    child.on('close', (code, signal) =>
      done(code === 0 ? undefined : `${Buffer.concat(output)}(ended with ${code ?? signal})`),
    );
  });
}

/** Returns how many cases failed. */
async function runAll(engineUnderTest) {
  const errors = [];
  const engine = engineUnderTest.create({
    maxReceiveBytes: 16 * 1024 * 1024,
    compressFromBytes: 1024,
    onInternalError: (error) => errors.push(error),
  });
  registerInteropService(engine, systemClock);
  const address = await engine.listen('127.0.0.1:0');
  const [host, port] = address.split(':');
  const clients = [
    ...GO_CASES.map((name) => [
      'go',
      name,
      goClient,
      [`--server_host=${host}`, `--server_port=${port}`, `--test_case=${name}`],
    ]),
    ...(await pythonCases()).map((name) => ['python', name, python, ['test/clients/grpc_interop.py', address, name]]),
  ];
  let failed = 0;
  for (const [language, name, command, args] of clients) {
    const problem = await runClient(command, args);
    if (problem !== undefined) failed += 1;
    process.stdout.write(`${problem === undefined ? 'ok  ' : 'FAIL'} ${engineUnderTest.name} ← ${language} ${name}\n`);
    if (problem !== undefined) process.stdout.write(`${problem}\n`);
  }
  await engine.close();
  for (const error of errors) process.stdout.write(`internal error: ${error?.stack ?? error}\n`);
  process.stdout.write(`${engineUnderTest.name}: ${clients.length - failed} of ${clients.length} cases passed\n`);
  return failed + errors.length;
}

async function pythonCases() {
  const child = spawn(python, ['test/clients/grpc_interop.py', '--list'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let names = '';
  for await (const text of child.stdout) names += text;
  const list = names.split('\n').filter((name) => name !== '');
  if (list.length === 0) throw new Error('grpc_interop.py lists no cases');
  return list;
}

const failed = (await runAll(PILLION)) + (await runAll(GRPC_JS));
process.exitCode = failed === 0 ? 0 : 1;
