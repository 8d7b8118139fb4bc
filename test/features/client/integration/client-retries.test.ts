/** Clients of Python and Go: retries after the server's time and within the deadline, bytes, and a signature of nothing. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { ServedTensor } from '../../../../src/cli/served-inputs.ts';
import type { ClientSource } from '../../../../src/features/client/client-source.ts';
import { goClient } from '../../../../src/features/client/languages/go.ts';
import { pythonClient } from '../../../../src/features/client/languages/python.ts';
import { typescriptClient } from '../../../../src/features/client/languages/typescript.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const run = promisify(execFile);
const isThere = (program: string, word: string): boolean => spawnSync(program, [word]).error === undefined;
const hasGo = isThere('go', 'version');
const hasPython = isThere('python3', '--version');
const GO = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOPROXY: 'off' };

const text: ServedTensor = { dtype: 'string', shape: [-1], tensorName: 'text' };
const SOURCE: ClientSource = {
  path: '/v1/models/x:predict',
  signature: 's',
  inputs: new Map([['image', text]]),
  outputs: new Map([['copy_bytes', text]]),
};

/** A server that refuses the first request of a turn, to be retried after `seconds`, and answers the second. */
async function busyServer(t: TestContext, seconds: () => number) {
  const seen: { readonly body: string; readonly timeoutMs: number }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push({ body, timeoutMs: Number(request.headers['x-envoy-expected-rq-timeout-ms']) });
      const isFirst = seen.length % 2 === 1;
      if (isFirst) response.writeHead(503, { 'retry-after': String(seconds()) }).end('{"error":"busy"}');
      else response.end('{"outputs":[{"b64":"/wA="}]}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return { seen, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const PYTHON = `import sys, client
for deadline in (5.0, 0.9):
    try:
        print(client.Client(sys.argv[1]).predict({"image": ["a", b"\\xff\\x00"]}, deadline=deadline))
    except client.RefusedError as error:
        print(error.status, error, error.retry_after)`;

const MAIN_GO = `package main

import (
	"ask/pillionclient"
	"context"
	"fmt"
	"os"
	"time"
)

func main() {
	for _, deadline := range []time.Duration{5 * time.Second, 900 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		in := pillionclient.Inputs{Image: []pillionclient.Text{"a", "\\xff\\x00"}}
		out, err := pillionclient.New(os.Args[1]).Predict(ctx, in)
		fmt.Println(out.CopyBytes, err)
		cancel()
	}
}
`;

function goModule(folder: string, source: ClientSource): void {
  mkdirSync(join(folder, 'pillionclient'));
  writeFileSync(join(folder, 'go.mod'), 'module ask\n\ngo 1.21\n');
  writeFileSync(join(folder, 'pillionclient', 'client.go'), goClient(source));
}

describe('a client', () => {
  for (const [language, isHere, answer, refusal] of [
    ['Python', hasPython, "{'copy_bytes': [{'b64': '/wA='}]}", '503 busy 1.0'],
    ['Go', hasGo, '[{[255 0]}] <nil>', '[] 503: busy'],
  ] as const) {
    it(`in ${language} sends bytes, retries after the server’s time, and not past its deadline`, {
      skip: !isHere,
    }, async (t) => {
      const folder = tempDirectory(t);
      // The call with a short deadline is refused for longer than it has.
      const { seen, address } = await busyServer(t, () => (seen.length < 2 ? 0 : 1));
      let stdout: string;
      if (language === 'Go') {
        goModule(folder, SOURCE);
        writeFileSync(join(folder, 'main.go'), MAIN_GO);
        execFileSync('go', ['build', '-o', 'ask', '.'], { cwd: folder, env: GO });
        ({ stdout } = await run(join(folder, 'ask'), [address]));
      } else {
        writeFileSync(join(folder, 'client.py'), pythonClient(SOURCE));
        ({ stdout } = await run('python3', ['-c', PYTHON, address], { cwd: folder }));
      }
      assert.deepEqual(stdout.trim().split('\n'), [answer, refusal]);
      assert.equal(seen.length, 3, 'nobody asks again who would be late');
      for (const { body } of seen) {
        assert.deepEqual((JSON.parse(body) as { inputs: unknown }).inputs, { image: ['a', { b64: '/wA=' }] });
      }
      assert.ok(seen[1]!.timeoutMs <= seen[0]!.timeoutMs && seen[2]!.timeoutMs <= 900);
    });
  }

  it('of a signature without tensors, or with tensors of any rank, compiles', async (t) => {
    const any: ServedTensor = { dtype: 'float16', shape: undefined, tensorName: 'x' };
    for (const tensors of [
      new Map<string, ServedTensor>(),
      new Map([
        ['func', any],
        ['Func', any],
        ['class', text],
      ]),
    ]) {
      const folder = tempDirectory(t);
      const source = { path: '/v1/models/x:predict', signature: 'x', inputs: tensors, outputs: tensors };
      assert.match(typescriptClient(source), /export interface Inputs \{/);
      if (hasPython) {
        writeFileSync(join(folder, 'client.py'), pythonClient(source));
        execFileSync('python3', ['-c', 'import client'], { cwd: folder });
      }
      if (!hasGo) continue;
      goModule(folder, source);
      execFileSync('go', ['vet', './pillionclient'], { cwd: folder, env: GO });
      assert.equal(execFileSync('gofmt', ['-l', '.'], { cwd: folder, encoding: 'utf8' }), '', 'the form of gofmt');
    }
  });
});
