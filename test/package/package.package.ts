/**
 * The npm package as its users meet it: installed into an empty folder by npm's own settings, run by npx, imported,
 * compiled against. Needs the registry. `npm test -- package` packs it first.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';

const run = promisify(execFile);
const TARBALL = process.env['PILLION_TEST_PACKAGE']!;
/** Node's versions to their programs. */
const NODES = JSON.parse(process.env['PILLION_TEST_NODES']!) as Readonly<Record<string, string>>;
/**
 * Of the tarball for one platform. ONNX Runtime's library is 45.8 of 67 MB, and 17.6 when compressed; the bundle is 4, with
 * what it imports later once for each of its scripts.
 */
const MOST_BYTES = 28e6;
const DIGITS = 'examples/digits/models/digits';
const FREE_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

const [{ inputs }] = JSON.parse(readFileSync(`${DIGITS}/1/samples.json`, 'utf8')) as [{ inputs: { pixels: number[] } }];
const folder = mkdtempSync(join(tmpdir(), 'pillion-package-'));
const app = join(folder, 'app');
const model = join(folder, 'digits');
const installed = join(app, 'node_modules', 'pillion');

after(() => rmSync(folder, { recursive: true, force: true }));

/** Without what this checkout tells npm: its settings reach children by the environment. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|PILLION_|NODE_TEST|NODE_OPTIONS|INIT_CWD)/i.test(name),
  );
  return { ...Object.fromEntries(own), ...more };
}

async function command(program: string, args: readonly string[], more?: Readonly<Record<string, string>>) {
  const { stdout } = await run(program, [...args], {
    cwd: app,
    env: environment(more),
    maxBuffer: 2 ** 26,
    timeout: 120_000,
  });
  return stdout;
}

/** The bits that the runtime itself answers with. */
async function runtimeBits(): Promise<readonly number[]> {
  const session = await ort.InferenceSession.create(`${DIGITS}/1/model.onnx`);
  const answer = await session.run({ pixels: new ort.Tensor('float32', Float32Array.from(inputs.pixels), [1, 64]) });
  const { buffer, byteOffset, byteLength } = answer['probabilities']!.data as Float32Array;
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}

interface Line {
  readonly event?: string;
  readonly rest?: readonly string[];
}

/** npx, and the lines of the server that it starts; `closed` when the last process that could write has ended. */
function npx(...args: string[]) {
  const child = spawn('npx', ['pillion', ...args], { cwd: app, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise<void>((done) => child.once('close', () => done()));
  const lines: Line[] = [];
  const text: string[] = [];
  const event = (name: string): Promise<Line> =>
    new Promise((found, failed) => {
      const look = (): void => {
        const line = lines.find((each) => each.event === name);
        if (line !== undefined) found(line);
      };
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          text.push(line);
          if (line.startsWith('{')) lines.push(JSON.parse(line) as Line);
          look();
        });
      }
      void closed.then(() => failed(new Error(`it ended before "${name}":\n${text.join('\n')}`)));
    });
  return { child, closed, lines, event };
}

before(async () => {
  mkdirSync(app);
  cpSync(DIGITS, model, { recursive: true });
  await command('npm', ['i', TARBALL]);
});

describe('the package', () => {
  it('holds the runtime for this platform, without its install script, and is small', () => {
    const runtime = join(installed, 'node_modules', 'onnxruntime-node');
    const { scripts, dependencies } = JSON.parse(readFileSync(join(runtime, 'package.json'), 'utf8'));
    assert.equal(scripts, undefined);
    assert.deepEqual(Object.keys(dependencies), ['onnxruntime-common']);
    assert.deepEqual(readdirSync(join(runtime, 'bin', 'napi-v6')), [process.platform]);
    assert.deepEqual(readdirSync(join(runtime, 'bin', 'napi-v6', process.platform)), [process.arch]);
    assert.ok(!existsSync(join(app, 'node_modules', 'onnxruntime-node')), 'npm installed it a second time');
    const libraries = readdirSync(join(installed, 'node_modules', 'tokenizers')).filter((file) =>
      file.endsWith('.node'),
    );
    assert.equal(libraries.length, 1, libraries.join());
    assert.ok(!existsSync(join(app, 'node_modules', 'tokenizers')), 'npm installed it a second time');
    const { size } = statSync(TARBALL);
    assert.ok(size < MOST_BYTES, `${size} bytes`);
    const told = Number(/linux-x64\.tgz: (\d+) MB/.exec(readFileSync('docs/tutorial/install.md', 'utf8'))?.[1]);
    assert.ok(Math.abs(told * 1e6 - size) < 2e6, `install.md says ${told} MB, and it has ${size} bytes`);
  });

  it('is the same bytes when it is packed again', async () => {
    const again = join(folder, 'again');
    await run(process.execPath, ['scripts/package.mjs', `--to=${again}`], { maxBuffer: 2 ** 26 });
    const [name] = readdirSync(again);
    assert.ok(readFileSync(join(again, name!)).equals(readFileSync(TARBALL)));
  });

  it('serves by npx, and drains when npx is told to end', async () => {
    const { child, closed, lines, event } = npx('serve', `--model=digits=${model}`, ...FREE_PORTS);
    const ready = await event('ready');
    const body = JSON.stringify({ instances: [inputs] });
    const answer = await fetch(`http://${ready.rest![0]}/v1/models/digits:predict`, { method: 'POST', body });
    const { predictions } = (await answer.json()) as { predictions: { probabilities: number[] }[] };
    const bits = new Uint8Array(Float32Array.from(predictions[0]!.probabilities).buffer);
    assert.deepEqual([...bits], await runtimeBits());
    child.kill('SIGTERM');
    await closed;
    assert.ok(lines.some((line) => line.event === 'drained'));
  });

  it('installs globally', async () => {
    const prefix = join(folder, 'global');
    await command('npm', ['i', '-g', TARBALL], { npm_config_prefix: prefix });
    assert.match(await command(join(prefix, 'bin', 'pillion'), ['version']), /^pillion \d/);
    assert.match(await command(join(prefix, 'bin', 'pillion'), ['natives', '--help']), /libtensorflow/);
  });

  it('has types that a strict application compiles against, and gives it the bits of the runtime', async () => {
    const options = {
      module: 'NodeNext',
      target: 'ES2022',
      strict: true,
      skipLibCheck: false,
      types: [],
      lib: ['ES2023', 'DOM'],
    };
    writeFileSync(join(app, 'package.json'), JSON.stringify({ type: 'module' }));
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }));
    copyFileSync('test/package/consumer.ts', join(app, 'consumer.ts'));
    await command(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', app]);
    const wanted = await runtimeBits();
    for (const [version, node] of Object.entries(NODES)) {
      const answer = JSON.parse(await command(node, ['consumer.js', model, inputs.pixels.join(',')]));
      assert.deepEqual([answer.bits, answer.kind], [wanted, 'model_not_found'], `Node ${version}`);
    }
  });

  it('has the suite for plug-ins', async () => {
    copyFileSync('examples/tokenizer/tokenizer-backend.mjs', join(folder, 'tokenizer-backend.mjs'));
    copyFileSync('test/package/contract.mjs', join(app, 'contract.mjs'));
    const more = { PLUG_IN: join(folder, 'tokenizer-backend.mjs'), PILLION_TEST_QUICK: '1' };
    const report = await command(process.execPath, ['--test', '--test-reporter=tap', 'contract.mjs'], more);
    assert.match(report, /# fail 0\n/);
    assert.ok(Number(/# pass (\d+)/.exec(report)?.[1]) > 30, report.slice(-300));
  });
});
