/**
 * Runs the commands of a page as a reader would, in a folder of its own in which the checkout's bin/ and examples/ are.
 * Servers get free ports; the ports in what follows are theirs. `npm run build` is left out: the tests have built it.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LAUNCH_FLAGS } from '../../bench/support/launcher.ts';
import { blocksOf } from './doc-blocks.ts';
import { BUNDLE, type Sidecar, startSidecar } from './sidecar.ts';
import { tempDirectory } from './temp-directory.ts';

const UNTIL_MS = 30_000;
const PAUSE_MS = 200;
const BUILT = /^npm run build$/;
const SERVES = /^(?:bin\/)?pillion serve (.*?)(?: &)?$/s;
/** Commands that ask a running server find it by this option. */
const ASKS = /\bpillion (?:status|doctor|drain|await)\b/g;
/** Pages have their models in /models. */
const MODELS = /(?<==)\/models\//g;

export class DocCommands {
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;
  #server: Sidecar | undefined;

  constructor(t: TestContext) {
    this.#directory = tempDirectory(t);
    const bin = join(this.#directory, 'bin');
    mkdirSync(bin);
    symlinkSync(resolve('examples'), join(this.#directory, 'examples'));
    const pillion = join(bin, 'pillion');
    const words = [process.execPath, ...LAUNCH_FLAGS, BUNDLE].map((word) => `'${word}'`);
    writeFileSync(pillion, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
    chmodSync(pillion, 0o755);
    // A proxy of the machine's would be asked for localhost.
    this.#environment = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, no_proxy: '*' };
  }

  /** Runs every block of the page that is marked so, and compares what it prints. */
  async run(page: string): Promise<void> {
    const blocks = blocksOf(page);
    for (const [at, { info, text, line }] of blocks.entries()) {
      if (info !== 'sh run' && info !== 'sh run until') continue;
      const next = blocks[at + 1];
      const wanted = next?.info?.endsWith(' output') ? patternOf(next.text) : /^/;
      const until = performance.now() + (info === 'sh run' ? 0 : UNTIL_MS);
      let printed = await this.#runBlock(text);
      while (!wanted.test(printed) && performance.now() < until) {
        await setTimeout(PAUSE_MS);
        printed = await this.#runBlock(text);
      }
      assert.match(printed, wanted, `${page}:${line}`);
    }
  }

  async stop(): Promise<void> {
    const status = await this.#server?.stop();
    if (status !== undefined) assert.equal(status, 0, 'the server drains and ends with 0');
  }

  async #runBlock(text: string): Promise<string> {
    const printed: string[] = [];
    for (const command of commandsOf(text)) {
      const serves = SERVES.exec(command)?.[1];
      if (serves !== undefined) await this.#serve(serves);
      else if (!BUILT.test(command)) printed.push(await this.#shell(command));
    }
    return printed.join('');
  }

  async #serve(words: string): Promise<void> {
    assert.equal(this.#server, undefined, 'a page starts one server');
    const args = execFileSync('bash', ['-c', `printf '%s\\0' ${words.replaceAll(MODELS, 'examples/digits/models/')}`], {
      cwd: this.#directory,
      encoding: 'utf8',
    });
    const into = (command: readonly string[]) => [
      '/bin/sh',
      '-c',
      `cd '${this.#directory}' && exec "$0" "$@"`,
      ...command,
    ];
    this.#server = await startSidecar(args.split('\0').filter(Boolean), {}, into);
    await this.#server.line(({ event }) => event === 'ready');
  }

  async #shell(command: string): Promise<string> {
    const admin = this.#server === undefined ? '' : ` --admin=${this.#server.admin.replace('http://', '')}`;
    const own = this.#server === undefined ? command : withAddresses(command, this.#server);
    const text = own
      .replaceAll(ASKS, `$&${admin}`)
      .replaceAll(MODELS, 'examples/digits/models/')
      .replaceAll(/\bcurl /g, 'curl -sS ');
    const { stdout } = await promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', text], {
      cwd: this.#directory,
      env: this.#environment,
    });
    return stdout;
  }
}

/** A page's text, with a server's addresses in the place of the default ones. */
export function withAddresses(text: string, { grpc, rest, admin }: Pick<Sidecar, 'grpc' | 'rest' | 'admin'>): string {
  return text
    .replaceAll('localhost:8500', grpc)
    .replaceAll('localhost:8501', rest.replace('http://', ''))
    .replaceAll('localhost:8502', admin.replace('http://', ''));
}

/** Lines, with those that a backslash joins as one. */
function commandsOf(text: string): readonly string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** Matches all that is printed; `…` is any text, and lines may end in spaces. */
function patternOf(output: string): RegExp {
  const lines = output.trimEnd().split('\n');
  const escaped = lines.map((line) =>
    line
      .trimEnd()
      .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('…', '.*'),
  );
  return new RegExp(`^${escaped.join(String.raw`\s*\n`)}\\s*$`);
}
