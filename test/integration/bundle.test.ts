/** The bundle that bin/pillion starts: what it loads, and that its threads, processes and errors are as they should be. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { LAUNCH_FLAGS } from '../../bench/support/launcher.ts';
import { hasFeature } from '../support/has-feature.ts';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';
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

/** Runs with `--require`: says on standard error whether V8 took the code cache of a script. */
const TELL_CACHE = `const vm = require('node:vm');
  const { Script } = vm;
  vm.Script = class extends Script {
    constructor(...args) {
      super(...args);
      if (!args[0].startsWith('(function(exports,require,module,importLater')) return;
      console.error('refused: ' + this.cachedDataRejected);
    }
  };`;

/** Has a bundle's server print its help, started as bin/pillion does; resolves with what V8 did with the code cache. */
async function cacheUse(t: TestContext, bundle: string, ...flags: readonly string[]): Promise<string> {
  const hook = join(tempDirectory(t), 'hook.cjs');
  writeFileSync(hook, TELL_CACHE);
  const args = [...LAUNCH_FLAGS, ...flags, '--require', hook, bundle, 'serve', '--help'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env['PATH'] } });
  assert.match(stdout, /--rest_api_port/);
  return stderr.trim();
}

/** The bundle with a folder serve/ of its own. */
function copyOfBundle(t: TestContext): string {
  const root = tempDirectory(t);
  const copy = join(root, 'dist', 'bundle');
  mkdirSync(copy, { recursive: true });
  symlinkSync(join(process.cwd(), 'package.json'), join(root, 'package.json'));
  for (const name of readdirSync(dirname(BUNDLE))) {
    const isCopied = name === 'main.cjs' || name === 'serve';
    if (isCopied) cpSync(join(dirname(BUNDLE), name), join(copy, name), { recursive: true });
    else symlinkSync(join(dirname(BUNDLE), name), join(copy, name));
  }
  return join(copy, 'main.cjs');
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

  it('has no runtime where all models run in processes', async (t) => {
    assert.ok(!(await modulesOf(t, [...DIGITS, '--host=process'])).includes('onnxruntime-node'));
  });

  const isListed = hasFeature('grpc-js');

  it('has grpc-js where it was chosen: the first call need not wait for it', { skip: !isListed }, async (t) => {
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

  it('answers from a plug-in', async () => {
    const plugIn = join(process.cwd(), 'examples', 'tokenizer', 'tokenizer-backend.mjs');
    const model = `--model=words=examples/tokenizer/models/tokenizer,backend=${plugIn},host=inline`;
    const sidecar = await startSidecar([model]);
    const body = JSON.stringify({ instances: ['the cat sat'] });
    const answer = await fetch(`${sidecar.rest}/v1/models/words:predict`, { method: 'POST', body });
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(await sidecar.stop(), 0);
  });

  it('serves the console', async () => {
    const sidecar = await startSidecar(DIGITS);
    const page = await fetch(`${sidecar.admin}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<html/);
  });

  it('has stacks whose places `pillion places` finds in TypeScript, and lets other lines pass', async (t) => {
    const show = "process.stdout.write = () => { console.error(new Error('seen').stack); return true; };";
    const lines = readFileSync('src/kernel/command.ts', 'utf8').split('\n');
    // By the module, and by the script of serve.
    for (const words of [['--version'], ['serve', '--help']]) {
      const args = ['--import', dataUrl(show), BUNDLE, ...words];
      const { stderr } = await promisify(execFile)(process.execPath, args);
      const others = '{"msg":"at /etc/bundle/passwd.js:1:1, /x/bundle/../main.js:1:1"}\n';
      const log = join(tempDirectory(t), 'log');
      writeFileSync(log, `${JSON.stringify({ err: { stack: stderr } })}\n${others}`);
      const { stdout } = await promisify(execFile)('/bin/sh', [
        '-c',
        '"$0" "$1" places <"$2"',
        process.execPath,
        BUNDLE,
        log,
      ]);
      const [, line] = /\\n {4}at print\d* \(src\/kernel\/command\.ts:(\d+):\d+\)\\n/.exec(stdout) ?? [];
      assert.match(lines[Number(line) - 1] ?? stdout, /process\.stdout\.write\(text\)/);
      assert.ok(stdout.endsWith(others), stdout);
    }
  });

  it('reads no source map where a client causes a stack', { skip: process.platform !== 'linux' }, async (t) => {
    const sidecar = await startSidecar(DIGITS);
    const session = openSession(sidecar.grpc);
    t.after(() => session.destroy());
    const send = async (bytes: Uint8Array): Promise<number> => {
      const path = '/tensorflow.serving.PredictionService/Predict';
      return (await rawCall(session, path, frame(bytes, 1), { 'grpc-encoding': 'gzip' })).grpcStatus;
    };
    // So that the growth is that of the stack alone.
    for (let i = 0; i < 100; i++) assert.equal(await send(gzipSync('')), 3);
    const before = residentMiB(sidecar.process.pid!);
    // Junk: Node's streams read the stack of an error that ends them.
    assert.equal(await send(Buffer.from('0123456789')), 3);
    const grown = residentMiB(sidecar.process.pid!) - before;
    assert.ok(grown < 15, `${grown} MiB more`);
  });
});

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

describe('the code cache of the bundle', () => {
  it('is taken under the flags of bin/pillion', async (t) => {
    assert.equal(await cacheUse(t, BUNDLE), 'refused: false');
  });

  it('is refused under other flags of V8, and the server starts all the same', async (t) => {
    assert.equal(await cacheUse(t, BUNDLE, '--max-lazy'), 'refused: true');
  });

  it('may be absent, or be something else', async (t) => {
    const bundle = copyOfBundle(t);
    const folder = join(dirname(bundle), 'serve');
    const cache = join(folder, readdirSync(folder).find((name) => name.includes(process.version))!);
    const bytes = readFileSync(cache);
    for (const content of ['', 'no cache', bytes.subarray(0, 1000), bytes.subarray(0, -1000)]) {
      writeFileSync(cache, content);
      assert.equal(await cacheUse(t, bundle), 'refused: true');
    }
    rmSync(cache);
    assert.equal(await cacheUse(t, bundle), 'refused: undefined');
  });
});
