/**
 * Go's applications behind the gRPC port (`--app=h2c://HOST:PORT`): the interop cases of gRPC-Go, grpc-java and grpcio
 * through `pillion serve` to gRPC-Go's interop service; what happens between a client and a server of gRPC-Go that are
 * large, slow, many, old or killed; and h2spec to net/http. Fails unless all pass.
 * Usage: `node test/conformance/fronted-grpc.mjs [PART…]`; without one, all. Compiled code is taken from build/.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ensureGoProgram } from '../../scripts/lib/go-program.mjs';
import { root } from '../../scripts/lib/setup.mjs';
import { tellCounts } from '../../scripts/lib/suite-runs/counts.mjs';
import { runScenarios } from './interop/fronted-scenarios.mjs';
import { startApp } from './interop/go-app.mjs';
import { goClient } from './interop/go-client.mjs';
import { javaClient } from './interop/java-client.mjs';
import { pythonClient } from './interop/python-client.mjs';
import { runClient } from './interop/run-client.mjs';

const build = join(root, 'build');
if (!existsSync(join(build, 'test', 'support', 'sidecar.js'))) {
  process.stderr.write(`${build} holds no compiled tests; run \`npx tsc -p tsconfig.json\` first\n`);
  process.exit(1);
}
process.chdir(root);
const { DIGITS, killSidecars, startSidecar } = await import(pathToFileURL(join(build, 'test/support/sidecar.js')).href);

/** Cases that gRPC-Go itself fails: it has no deflate, and a larger limit than these cases expect. */
const NOT_GO = ['client_deflate_unary', 'message_over_the_limit'];

/** Of the application that speaks HTTP: they are answered with a body, which h2spec looks at. */
const PATHS = ['/bytes?n=100000', '/hash'];

/** Runs it with `pillion serve` in front of the application. */
async function behindUs(app, run) {
  try {
    const sidecar = await startSidecar([...DIGITS, `--app=h2c://127.0.0.1:${app.port}`]);
    const [host, port] = sidecar.grpc.split(':');
    const failed = await run({ host, port });
    return failed + ((await sidecar.stop()) === 0 ? 0 : 1);
  } finally {
    killSidecars();
    await app.kill();
  }
}

function report(name, problem) {
  tellCounts({ passed: problem === undefined ? 1 : 0, of: 1 });
  process.stdout.write(
    `${problem === undefined ? 'ok  ' : 'FAIL'} ${name}\n${problem === undefined ? '' : `${problem}\n`}`,
  );
  return problem === undefined ? 0 : 1;
}

function goProgram(name, directory, main, megabytes) {
  return ensureGoProgram({ name, directory, main, megabytes }) ?? process.exit(1);
}

const interopServer = () => goProgram('grpc-interop-server', 'test/conformance/grpc-interop-server', '.', 40);

/** Resolves with how many of the cases failed. */
async function runCases(getClient) {
  const server = interopServer();
  const { language, cases, command, args } = (await getClient()) ?? process.exit(1);
  return behindUs(await startApp(server), async (address) => {
    let failed = 0;
    for (const name of cases.filter((each) => !NOT_GO.includes(each)))
      failed += report(`${language} ${name}`, (await runClient(command, args(address, name))).problem);
    return failed;
  });
}

function runGoScenarios() {
  const client = goProgram('fronted-scenarios', 'test/conformance/fronted-scenarios', '.', 10);
  const start = (args) => startSidecar([...DIGITS, ...args]);
  return runScenarios({ client, server: interopServer() }, start, report).finally(killSidecars);
}

async function runH2spec() {
  const h2spec = goProgram('h2spec', 'test/conformance/h2spec', 'github.com/summerwind/h2spec/cmd/h2spec', 10);
  const app = goProgram('fronted-go', 'test/fronting/apps/go', '.', 1);
  return behindUs(await startApp(app, ['h2c']), async ({ host, port }) => {
    let failed = 0;
    for (const path of PATHS) {
      const { output, problem } = await runClient(h2spec, ['-h', host, '-p', port, '-P', path, '-o', '2', '--strict']);
      failed += report(`h2spec ${path}: ${/.* passed, .*/.exec(output)?.[0]}`, problem);
    }
    return failed;
  });
}

/** Each resolves with how many of its cases failed. */
const PARTS = {
  go: () => runCases(goClient),
  java: () => runCases(javaClient),
  python: () => runCases(pythonClient),
  scenarios: runGoScenarios,
  h2spec: runH2spec,
};

const parts = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
const unknown = parts.filter((part) => !(part in PARTS));
if (unknown.length > 0) {
  process.stderr.write(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(1);
}
let failed = 0;
for (const part of parts) failed += await PARTS[part]();
process.exitCode = failed === 0 ? 0 : 1;
