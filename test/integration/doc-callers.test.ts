/**
 * The programs of docs/how-to/callers.md: each asks a real server, waits as long as one that refuses says, and gives up
 * where a retry makes no sense. A program whose language is not on this machine is skipped.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { after, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { blocksOf } from '../support/doc-blocks.ts';
import { withAddresses } from '../support/doc-commands.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

const PAGE = 'docs/how-to/callers.md';
const HALF = ['--model=half_plus_two=examples/half_plus_two/models/half_plus_two'];
const ANSWER = /2\.5,? 3(?:\.0)?,? ?4\.5|2\.5,3\.0,4\.5/;

/** The first words of the command that runs a program. */
const RUN: Readonly<Record<string, readonly string[]>> = {
  'ask.py': ['python3'],
  'ask.ts': [process.execPath],
  'ask-grpc.ts': [process.execPath],
  'ask.go': ['go', 'run'],
  'Ask.java': ['java'],
};

/** A program of the page for a server at these addresses, as a file; TypeScript as JavaScript. */
async function fileOf(t: TestContext, name: string, addresses: Parameters<typeof withAddresses>[1]): Promise<string> {
  const block = blocksOf(PAGE).find(({ info }) => info?.endsWith(` ${name}`));
  const text = withAddresses(block!.text, addresses);
  const directory = tempDirectory(t);
  if (!name.endsWith('.ts')) return write(join(directory, name), text);
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  const { code } = await transform(text, { loader: 'ts' });
  return write(join(directory, name.replace('.ts', '.mjs')), code);
}

function write(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

async function run(name: string, file: string): Promise<string> {
  const [program, ...words] = RUN[name]!;
  const { stdout } = await promisify(execFile)(program!, [...words, file], {
    env: { ...process.env, no_proxy: '*', GOFLAGS: '-mod=mod' },
  });
  return stdout;
}

function isThere(name: string): boolean {
  const [program] = RUN[name]!;
  return spawnSync(program!, [program === 'go' ? 'version' : '--version']).error === undefined;
}

/** A server of one port that lets `answer` have each request, by its number. */
async function startStub(t: TestContext, answer: (to: ServerResponse, count: number) => void): Promise<string> {
  let count = 0;
  const server = createServer((request, to) => {
    request.resume().once('end', () => answer(to, count++));
  });
  t.after(() => server.close().closeAllConnections());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe(PAGE, () => {
  it('has a program in each language', () => {
    const names = blocksOf(PAGE).map(({ info }) => info?.split(' ')[1]);
    assert.deepEqual(names.filter((name) => /^ask|^Ask/.test(name ?? '')).sort(), Object.keys(RUN).sort());
  });

  for (const name of Object.keys(RUN)) {
    const skip = isThere(name) ? false : `${RUN[name]![0]} is not on this machine`;
    it(`has ${name}, which a real server answers`, { skip }, async (t) => {
      const sidecar = await startSidecar(HALF);
      assert.match(await run(name, await fileOf(t, name, sidecar)), ANSWER);
      await sidecar.stop();
    });
    if (name === 'ask-grpc.ts') continue;

    it(`has ${name}, which tries again where the server says when`, { skip }, async (t) => {
      const rest = await startStub(t, (to, count) => {
        if (count > 0) to.end('{"predictions":[2.5,3.0,4.5]}');
        else to.writeHead(429, { 'retry-after': '0' }).end('{"error":"come again"}');
      });
      assert.match(await run(name, await fileOf(t, name, { grpc: '', rest, admin: '' })), ANSWER);
    });

    it(`has ${name}, which shows the text of an error that stays`, { skip }, async (t) => {
      let asked = 0;
      const rest = await startStub(t, (to) => {
        asked += 1;
        to.writeHead(400).end('{"error":"send three rows"}');
      });
      await assert.rejects(run(name, await fileOf(t, name, { grpc: '', rest, admin: '' })), /send three rows/);
      assert.equal(asked, 1);
    });
  }
});
