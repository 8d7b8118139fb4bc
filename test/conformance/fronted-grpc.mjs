/**
 * Go's applications behind the gRPC port (`--app=h2c://HOST:PORT`): the interop cases of gRPC-Go, grpc-java and grpcio
 * through `pillion serve` to gRPC-Go's interop service, and h2spec to net/http. Fails unless all pass.
 * Usage: `node test/conformance/fronted-grpc.mjs [LANGUAGE…]`; without one, all. Compiled code is taken from build/.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
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

/** Cases that gRPC-Go itself fails: it has no deflate, and a larger limit than these cases expect. */
const NOT_GO = ['client_deflate_unary', 'message_over_the_limit'];

/** Of the application that speaks HTTP: they are answered with a body, which h2spec looks at. */
const PATHS = ['/bytes?n=100000', '/hash'];

/** Starts an application that prints "listening PORT". */
async function startApp(program, args = []) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stdout.resume();
    return { port, end: () => child.kill() };
  }
  throw new Error(`${program} ended before it listened`);
}

/** Runs it with `pillion serve` in front of the application. */
async function behindUs(app, run) {
  try {
    const sidecar = await startSidecar([...DIGITS, `--app=h2c://127.0.0.1:${app.port}`]);
    const [host, port] = sidecar.grpc.split(':');
    const failed = await run({ host, port });
    return failed + ((await sidecar.stop()) === 0 ? 0 : 1);
  } finally {
    app.end();
  }
}

function report(name, problem) {
  process.stdout.write(
    `${problem === undefined ? 'ok  ' : 'FAIL'} ${name}\n${problem === undefined ? '' : `${problem}\n`}`,
  );
  return problem === undefined ? 0 : 1;
}

async function runCases({ language, cases, command, args }, address) {
  let failed = 0;
  for (const name of cases.filter((each) => !NOT_GO.includes(each)))
    failed += report(`${language} ${name}`, (await runClient(command, args(address, name))).problem);
  return failed;
}

const languages = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CLIENTS);
const unknown = languages.filter((language) => !(language in CLIENTS));
if (unknown.length > 0) {
  process.stderr.write(`no client in ${unknown.join(', ')}; there are ${Object.keys(CLIENTS).join(', ')}\n`);
  process.exit(1);
}
const server = ensureGoProgram({
  name: 'grpc-interop-server',
  directory: 'test/conformance/grpc-interop-server',
  main: '.',
  megabytes: 40,
});
const h2spec = ensureGoProgram({
  name: 'h2spec',
  directory: 'test/conformance/h2spec',
  main: 'github.com/summerwind/h2spec/cmd/h2spec',
  megabytes: 10,
});
const http = ensureGoProgram({ name: 'fronted-go', directory: 'test/fronting/apps/go', main: '.', megabytes: 1 });
const clients = [];
for (const language of languages) clients.push(await CLIENTS[language]());
if ([server, h2spec, http, ...clients].includes(undefined)) process.exit(1);

let failed = await behindUs(await startApp(server), async (address) => {
  let count = 0;
  for (const client of clients) count += await runCases(client, address);
  return count;
});
failed += await behindUs(await startApp(http, ['h2c']), async ({ host, port }) => {
  let count = 0;
  for (const path of PATHS) {
    const { output, problem } = await runClient(h2spec, ['-h', host, '-p', port, '-P', path, '-o', '2', '--strict']);
    count += report(`h2spec ${path}: ${/.* passed, .*/.exec(output)?.[0]}`, problem);
  }
  return count;
});
process.exitCode = failed === 0 ? 0 : 1;
