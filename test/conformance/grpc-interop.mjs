/**
 * Runs gRPC's interop cases (grpc/doc/interop-test-descriptions.md) of other implementations against both engines:
 * gRPC-Go, grpc-java, and gRPC's C core under Python. Fails unless all pass.
 * Usage: `node test/conformance/grpc-interop.mjs [LANGUAGE…]`; without one, all. Compiled code is taken from build/.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { root } from '../../scripts/lib/setup.mjs';
import { tellCounts } from '../../scripts/lib/suite-runs/counts.mjs';
import { goClient } from './interop/go-client.mjs';
import { javaClient } from './interop/java-client.mjs';
import { pythonClient } from './interop/python-client.mjs';
import { runClient } from './interop/run-client.mjs';

/** Each gives {language, cases, command, args(address, case)}, or undefined if it cannot be had. */
const CLIENTS = { go: goClient, java: javaClient, python: pythonClient };

const build = join(root, 'build');
if (!existsSync(join(build, 'test', 'support', 'interop-service.js'))) {
  process.stderr.write(`${build} holds no compiled tests; run \`npx tsc -p tsconfig.json\` first\n`);
  process.exit(1);
}
process.chdir(root);
const load = (path) => import(pathToFileURL(join(build, path)).href);
const { systemClock } = await load('src/core/clock.js');
const { GRPC_JS, PILLION } = await load('test/support/grpc-engines.js');
const { registerInteropService } = await load('test/support/interop-service.js');

/** Returns how many cases failed. */
async function runAll(engineUnderTest, clients) {
  const errors = [];
  const engine = engineUnderTest.create({
    maxReceiveBytes: 16 * 1024 * 1024,
    compressFromBytes: 1024,
    onInternalError: (error) => errors.push(error),
  });
  registerInteropService(engine, systemClock);
  const [host, port] = (await engine.listen('127.0.0.1:0')).split(':');
  let cases = 0;
  let failed = 0;
  for (const { language, cases: names, command, args } of clients) {
    for (const name of names) {
      const { problem } = await runClient(command, args({ host, port }, name));
      cases += 1;
      if (problem !== undefined) failed += 1;
      process.stdout.write(
        `${problem === undefined ? 'ok  ' : 'FAIL'} ${engineUnderTest.name} ← ${language} ${name}\n`,
      );
      if (problem !== undefined) process.stdout.write(`${problem}\n`);
    }
  }
  tellCounts({ passed: cases - failed, of: cases });
  await engine.close();
  for (const error of errors) process.stdout.write(`internal error: ${error?.stack ?? error}\n`);
  process.stdout.write(`${engineUnderTest.name}: ${cases - failed} of ${cases} cases passed\n`);
  return failed + errors.length;
}

const languages = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CLIENTS);
const unknown = languages.filter((language) => !(language in CLIENTS));
if (unknown.length > 0) {
  process.stderr.write(`no client in ${unknown.join(', ')}; there are ${Object.keys(CLIENTS).join(', ')}\n`);
  process.exit(1);
}
const clients = [];
for (const language of languages) clients.push(await CLIENTS[language]());
if (clients.includes(undefined)) process.exit(1);
const failed = (await runAll(PILLION, clients)) + (await runAll(GRPC_JS, clients));
process.exitCode = failed === 0 ? 0 : 1;
