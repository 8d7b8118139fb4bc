/** Clients that `pillion client` writes are compiled, and ask a real server; hostile names stay names. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ServedTensor } from '../../../../src/cli/served-inputs.ts';
import { exportedNames, literal } from '../../../../src/features/client/client-source.ts';
import { goClient } from '../../../../src/features/client/languages/go.ts';
import { pythonClient } from '../../../../src/features/client/languages/python.ts';
import { typescriptClient } from '../../../../src/features/client/languages/typescript.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const run = promisify(execFile);
const COLUMNS = '--model=columns=test/fixtures/exports/columns';
const TSC = resolve('node_modules/typescript/bin/tsc');
const INPUTS = '{"age": [[33.0]], "visits": [[4]], "city": [["Oslo"]]}';
const HOSTILE = [
  '"); process.exit(7); ("',
  'a\n*/ boom();',
  '`$' + '{x}`',
  '__proto__',
  '\u{1f600}',
  '"""\nimport os',
  '1',
  '',
];

const hasGo = isThere('go', 'version');
const hasPython = isThere('python3', '--version');

function isThere(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let sidecar: Sidecar;
const sockets = mkdtempSync(join(tmpdir(), 'pillion-client-'));
const socket = join(sockets, 'rest.sock');
before(async () => {
  sidecar = await startSidecar([COLUMNS, `--rest_socket_path=${socket}`]);
});
after(() => {
  killSidecars();
  rmSync(sockets, { recursive: true });
});

async function clientOf(lang: string, out: string): Promise<void> {
  const child = runPillion(['client', 'columns', `--lang=${lang}`, `--server=${sidecar.rest}`, `--out=${out}`]);
  assert.equal(await child.exited, 0, child.output());
}

/** The answer over TCP and over the Unix socket, as the program prints it. */
function assertAnswers(stdout: string): void {
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 2, stdout);
  for (const line of lines) {
    const [label, probability] = JSON.parse(line) as [string, number];
    assert.equal(label, 'leaves');
    assert.ok(Math.abs(probability - 0.731652) < 1e-5, line);
  }
}

/** The compiler's strictest settings, for Node. */
function compileTs(folder: string): void {
  const compilerOptions = {
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmitOnError: true },
    ...{ module: 'nodenext', target: 'es2022', types: ['node'], typeRoots: [resolve('node_modules/@types')] },
    noPropertyAccessFromIndexSignature: true,
  };
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  execFileSync(process.execPath, [TSC, '-p', folder], { encoding: 'utf8' });
}

describe('a client that pillion client writes', () => {
  it('compiles in TypeScript, and asks over TCP and a Unix socket', async (t) => {
    const folder = tempDirectory(t);
    await clientOf('ts', join(folder, 'client.ts'));
    writeFileSync(
      join(folder, 'ask.ts'),
      `import { Client, type Inputs } from './client.js';
const inputs: Inputs = ${INPUTS};
for (const address of process.argv.slice(2)) {
  const { output_label, output_probability } = await new Client({ address }).predict(inputs, 5000);
  console.log(JSON.stringify([output_label[0], output_probability[0]![0]]));
}`,
    );
    compileTs(folder);
    const { stdout } = await run(process.execPath, [join(folder, 'ask.js'), sidecar.rest, `unix:${socket}`]);
    assertAnswers(stdout);
  });

  it('runs in Python, and asks over TCP and a Unix socket', { skip: !hasPython }, async (t) => {
    const folder = tempDirectory(t);
    await clientOf('python', join(folder, 'client.py'));
    writeFileSync(
      join(folder, 'ask.py'),
      `import json, sys
from client import Client
for address in sys.argv[1:]:
    answer = Client(address).predict(${INPUTS}, deadline=5.0)
    print(json.dumps([answer["output_label"][0], answer["output_probability"][0][0]]))
`,
    );
    assertAnswers((await run('python3', [join(folder, 'ask.py'), sidecar.rest, `unix:${socket}`])).stdout);
  });

  it('compiles in Go, and asks over TCP and a Unix socket', { skip: !hasGo }, async (t) => {
    const folder = tempDirectory(t);
    mkdirSync(join(folder, 'pillionclient'));
    await clientOf('go', join(folder, 'pillionclient', 'client.go'));
    writeFileSync(join(folder, 'go.mod'), 'module ask\n\ngo 1.21\n');
    writeFileSync(
      join(folder, 'main.go'),
      `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"ask/pillionclient"
)

func main() {
	in := pillionclient.Inputs{Age: [][]float32{{33}}, Visits: [][]int64{{4}}, City: [][]pillionclient.Text{{"Oslo"}}}
	for _, address := range os.Args[1:] {
		out, err := pillionclient.New(address).Predict(context.Background(), in)
		if err != nil {
			panic(err)
		}
		line, _ := json.Marshal([]any{out.OutputLabel[0], out.OutputProbability[0][0]})
		fmt.Println(string(line))
	}
}
`,
    );
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOPROXY: 'off' };
    execFileSync('go', ['build', '-o', 'ask', '.'], { cwd: folder, env });
    assertAnswers((await run(join(folder, 'ask'), [sidecar.rest, `unix:${socket}`])).stdout);
  });

  it('retries after the time that the server names, tells its deadline, and passes refusals on', async (t) => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(String(request.headers['x-envoy-expected-rq-timeout-ms']));
      if (seen.length === 1) response.writeHead(429, { 'retry-after': '0' }).end('{"error":"busy"}');
      else if (request.headers.authorization !== 'Bearer key') response.writeHead(400).end('{"error":"bad"}');
      else response.end('{"outputs":{"output_label":["leaves"],"output_probability":[[NaN,1]]}}');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => server.close());
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const folder = tempDirectory(t);
    await clientOf('ts', join(folder, 'client.ts'));
    writeFileSync(
      join(folder, 'ask.ts'),
      `import { Client, RefusedError } from './client.js';
const address = process.argv[2]!;
const inputs = ${INPUTS};
const { output_probability } = await new Client({ address, token: 'key' }).predict(inputs, 5000);
const refused = await new Client({ address }).predict(inputs).catch((error: unknown) => error);
if (!(refused instanceof RefusedError)) throw refused;
console.log(JSON.stringify([String(output_probability[0]![0]), refused.status, refused.message]));`,
    );
    compileTs(folder);
    const { stdout } = await run(process.execPath, [join(folder, 'ask.js'), address]);
    assert.deepEqual(JSON.parse(stdout), ['NaN', 400, 'bad']);
    assert.equal(seen.length, 3);
    assert.ok(Number(seen[0]) <= 5000 && Number(seen[0]) > 3000, seen.join());
  });

  it('overwrites nothing, and says what the server says of a model that is not there', async (t) => {
    const out = join(tempDirectory(t), 'client.ts');
    writeFileSync(out, 'mine');
    const again = runPillion(['client', 'columns', `--server=${sidecar.rest}`, `--out=${out}`]);
    assert.equal(await again.exited, 1);
    assert.match(again.output(), /exists already, and nothing was written/);
    assert.equal(readFileSync(out, 'utf8'), 'mine');
    const none = runPillion(['client', 'nobody', `--server=${sidecar.rest}`]);
    assert.equal(await none.exited, 1);
    assert.match(none.output(), /404: no model "nobody" is served here/);
  });
});

describe('a server that means no good to a client', () => {
  const tensor = { dtype: 'float32', shape: [-1], tensorName: 'x' } as const;
  const text = { dtype: 'string', shape: [-1], tensorName: 't' } as const;
  const source = {
    path: '/v1/models/x:predict',
    signature: 's',
    inputs: new Map<string, ServedTensor>([
      ['x', tensor],
      ['t', text],
    ]),
    outputs: new Map([['__proto__', tensor]]),
  };

  it('does not keep Python waiting by a byte now and then', { skip: !hasPython }, async (t) => {
    const server = createServer((_, response) => {
      response.writeHead(200, { connection: 'close' });
      const drip = setInterval(() => response.write(' '), 50);
      response.once('close', () => clearInterval(drip));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => server.close());
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const cwd = tempDirectory(t);
    writeFileSync(join(cwd, 'client.py'), pythonClient(source));
    const code = `import client
try:
    client.Client("${address}").predict({"x": [1.0], "t": ["a"]}, deadline=0.5)
except TimeoutError as error:
    print(error)`;
    const { stdout } = await run('python3', ['-c', code], { cwd, timeout: 20_000 });
    assert.equal(stdout, 'no answer within the deadline\n');
  });

  it('gets no inputs of Go for another host by a redirect', { skip: !hasGo }, async (t) => {
    let count = 0;
    const server = createServer((request, response) => {
      count += 1;
      if (request.url === '/other') response.end('{"outputs": [1]}');
      else response.writeHead(307, { location: '/other' }).end('moved');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => server.close());
    const folder = tempDirectory(t);
    mkdirSync(join(folder, 'pillionclient'));
    writeFileSync(join(folder, 'pillionclient', 'client.go'), goClient(source));
    writeFileSync(join(folder, 'go.mod'), 'module ask\n\ngo 1.21\n');
    writeFileSync(
      join(folder, 'main.go'),
      `package main

import (
	"ask/pillionclient"
	"context"
	"fmt"
	"os"
)

func main() {
	_, err := pillionclient.New(os.Args[1]).Predict(context.Background(), pillionclient.Inputs{})
	fmt.Println(err)
}
`,
    );
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOPROXY: 'off' };
    execFileSync('go', ['build', '-o', 'ask', '.'], { cwd: folder, env });
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.equal((await run(join(folder, 'ask'), [address])).stdout, '307: moved\n');
    assert.equal(count, 1);
  });

  it('and texts of TypeScript stay texts, whatever they hold, and outputs of any name are own properties', async (t) => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => bodies.push(chunk));
      request.on('end', () => response.end('{"outputs": [1]}'));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => server.close());
    const texts = ['\0NaN', 'a"\0NaN', '\0\0Infinity', '\\u0000NaN', '\\"\0NaN'];
    const folder = tempDirectory(t);
    writeFileSync(join(folder, 'client.ts'), typescriptClient(source));
    writeFileSync(
      join(folder, 'ask.ts'),
      `import { Client } from './client.js';
const answer = await new Client({ address: process.argv[2]! }).predict({ x: [Number.NaN, 1], t: ${JSON.stringify(texts)} });
console.log(Object.keys(answer).join());`,
    );
    compileTs(folder);
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { stdout } = await run(process.execPath, [join(folder, 'ask.js'), address]);
    assert.equal(stdout, '__proto__\n');
    assert.match(bodies[0]!, /"x":\[NaN,1\]/);
    assert.deepEqual((JSON.parse(bodies[0]!.replace('[NaN', '[0')) as { inputs: { t: unknown } }).inputs.t, texts);
  });
});

describe('names of tensors in a client', () => {
  it('are data in each language, whatever they hold', async (t) => {
    const folder = tempDirectory(t);
    const tensors = new Map(
      HOSTILE.map((name) => [name, { dtype: 'float32', shape: [-1], tensorName: name }] as const),
    );
    const source = { path: '/v1/models/x:predict', signature: HOSTILE[0]!, inputs: tensors, outputs: tensors };
    writeFileSync(join(folder, 'hostile.ts'), typescriptClient(source));
    compileTs(folder);
    const names = `{${HOSTILE.map((name) => `${literal(name, 'python')}: [1.0]`).join(', ')}}`;
    if (hasPython) {
      writeFileSync(join(folder, 'hostile.py'), pythonClient(source));
      const code = `import json, hostile; print(json.dumps([list(hostile.Inputs.__annotations__), list(${names})]))`;
      const { stdout } = await run('python3', ['-c', code], { cwd: folder });
      assert.deepEqual(JSON.parse(stdout), [HOSTILE, HOSTILE]);
    }
    if (hasGo) {
      mkdirSync(join(folder, 'g'));
      writeFileSync(join(folder, 'go.mod'), 'module hostile\n\ngo 1.21\n');
      writeFileSync(join(folder, 'g', 'client.go'), goClient(source));
      execFileSync('go', ['vet', './g'], {
        cwd: folder,
        env: { ...process.env, GOTOOLCHAIN: 'local', GOPROXY: 'off' },
      });
    }
  });

  it('become identifiers that all differ, where a language has no other names', () => {
    const names = exportedNames(['a b', 'a-b', 'a_b', '1x', '', '\u00e9']);
    assert.deepEqual([...names.values()], ['AB', 'AB2', 'AB3', 'T1x', 'T', 'T2']);
    assert.equal(literal('\ud800"\u{1f600}', 'go'), '"\\ufffd\\"\\U0001f600"');
    assert.equal(literal('\\ud800', 'go'), '"\\\\ud800"');
    assert.equal(literal('\u2028', 'ts'), '"\\u2028"');
  });
});
