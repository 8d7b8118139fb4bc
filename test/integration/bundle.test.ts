/** The bundle that bin/pillion starts: what it loads, and that its threads, processes and errors are as they should be. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { BUNDLE, DIGITS, killSidecars, startSidecar, unbundled, type Wrap } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

/** Starts the unbundled server with `args`, and resolves with the URLs of all modules that it had loaded when ready. */
async function modulesOf(t: TestContext, args: readonly string[]): Promise<string> {
  const list = join(tempDirectory(t), 'modules');
  const hook = `import { appendFileSync } from 'node:fs';
    export const load = (url, context, next) => (appendFileSync(${JSON.stringify(list)}, url + '\\n'), next(url, context));`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hook))});`;
  const wrap: Wrap = (command) => {
    const [node, ...words] = unbundled(command);
    return [node!, '--import', dataUrl(register), ...words];
  };
  const sidecar = await startSidecar(args, {}, wrap);
  const modules = readFileSync(list, 'utf8');
  await sidecar.stop();
  return modules;
}

const dataUrl = (module: string): string => `data:text/javascript,${encodeURIComponent(module)}`;

describe('what a server loads before it is ready', () => {
  afterEach(killSidecars);

  it('is neither the OpenTelemetry SDK nor grpc-js nor jose nor other runtimes', async (t) => {
    const modules = await modulesOf(t, DIGITS);
    assert.match(modules, /onnxruntime-node/);
    for (const needless of ['@opentelemetry/sdk-node', '@grpc/grpc-js', '/jose/', '/zstddec/', '/tfjs/tfjs-backend']) {
      assert.ok(!modules.includes(needless), `${needless} was loaded`);
    }
  });

  it('has no runtime where no model is configured', async (t) => {
    const models = join(tempDirectory(t), 'models.conf');
    writeFileSync(models, 'model_config_list {}');
    const modules = await modulesOf(t, [`--model_config_file=${models}`]);
    assert.ok(!modules.includes('onnxruntime-node'));
  });

  it('has grpc-js where it was chosen: the first call need not wait for it', async (t) => {
    assert.match(await modulesOf(t, [...DIGITS, '--http2_engine=grpc-js']), /@grpc\/grpc-js/);
  });
});

describe('the bundle', () => {
  afterEach(killSidecars);

  for (const host of ['inline', 'thread', 'process']) {
    it(`answers from a model in host ${host}`, async () => {
      const sidecar = await startSidecar([...DIGITS, `--host=${host}`]);
      const body = JSON.stringify({ instances: [new Array(64).fill(0)] });
      const answer = await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body });
      assert.equal(answer.status, 200, await answer.text());
      assert.equal(await sidecar.stop(), 0);
    });
  }

  it('serves the console', async () => {
    const sidecar = await startSidecar(DIGITS);
    const page = await fetch(`${sidecar.admin}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<html/);
  });

  it('shows places in TypeScript in the stacks of errors', async () => {
    const show = "process.stdout.write = () => { console.error(new Error('seen').stack); return true; };";
    const args = ['--import', dataUrl(show), BUNDLE, '--version'];
    const { stderr } = await promisify(execFile)(process.execPath, args);
    const lines = readFileSync('src/main.ts', 'utf8').split('\n');
    const [, line] = /^ {4}at write \(.*\/src\/main\.ts:(\d+):\d+\)$/m.exec(stderr) ?? [];
    assert.match(lines[Number(line) - 1] ?? stderr, /process\.stdout\.write\(text\)/);
  });
});
