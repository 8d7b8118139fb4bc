/** Answers of many MiB over REST: written slice by slice as their clients take them, and never held whole. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createGunzip } from 'node:zlib';
import { CodecThread } from '../../src/codec-thread/codec-thread.ts';
import { systemClock } from '../../src/core/clock.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { type Behaviour, signature, spec } from '../support/puppet-models.ts';
import { RestHarness } from '../support/rest-harness.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const MIB = 2 ** 20;
const ROWS = 2000;
/** 8 MiB as floats. */
const WIDTH = 1024;
const VALUES = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => (i % 1000) / 8);

const huge: Behaviour = ({ outputs }) =>
  new Map(outputs.map((name) => [name, numericTensor('float32', [ROWS, WIDTH], VALUES)]));
const SIGNATURE = signature({ x: spec('float32', [-1]) }, { y: spec('float32', undefined) });

describe('a huge answer', () => {
  const thread = new CodecThread(systemClock);
  const memory = new MemoryBudget();
  const rest = new RestHarness({ memory, server: { thread, compressFromBytes: 1024 } });
  before(async () => {
    rest.models.add('m', { signatures: { serving_default: SIGNATURE }, behave: huge });
    await rest.listen();
  });
  after(async () => {
    await rest.close();
    await thread.close();
  });

  const BODIES = {
    '/v1/models/m:predict': '{"inputs":[1]}',
    '/v2/models/m/infer': '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}',
  } as const;

  /** `more`: headers that make the request another than the usual ones. */
  function ask(
    path: keyof typeof BODIES,
    more: Record<string, string> = {},
    agent: Agent | false = false,
  ): Promise<IncomingMessage> {
    const body = BODIES[path];
    return new Promise((resolve, reject) => {
      const headers = { 'content-length': body.length, ...more };
      const request = httpRequest(`${rest.url}${path}`, { method: 'POST', headers, agent }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  }

  async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
    let text = '';
    for await (const chunk of stream) text += chunk as string;
    return text;
  }

  function check(text: string, of: (json: never) => readonly unknown[]): void {
    const values = of(JSON.parse(text) as never).flat();
    assert.equal(values.length, VALUES.length);
    assert.ok(values.every((value, i) => value === VALUES[i]));
  }

  it('comes in chunks, by either way of reading requests, and is the whole answer', async () => {
    // te makes it a request that node:http reads.
    for (const more of [{}, { te: 'trailers' }]) {
      const predicted = await ask('/v1/models/m:predict', more);
      assert.deepEqual([predicted.statusCode, predicted.headers['transfer-encoding']], [200, 'chunked']);
      assert.equal(predicted.headers['content-length'], undefined);
      check(await textOf(predicted), ({ outputs }: { outputs: number[][] }) => outputs);
      const inferred = await ask('/v2/models/m/infer', more);
      check(await textOf(inferred), ({ outputs }: { outputs: { data: number[] }[] }) => outputs[0]!.data);
    }
    assert.equal(memory.unsent.bytes, 0);
  });

  it('is compressed slice by slice for a client that accepts it', async () => {
    const answer = await ask('/v1/models/m:predict', { 'accept-encoding': 'gzip' });
    assert.equal(answer.headers['content-encoding'], 'gzip');
    check(await textOf(answer.pipe(createGunzip())), ({ outputs }: { outputs: number[][] }) => outputs);
  });

  it('ends with its connection for HTTP/1.0', async () => {
    const connection = await rest.connect();
    const body = BODIES['/v1/models/m:predict'];
    connection.send(`POST /v1/models/m:predict HTTP/1.0\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const [head, text] = (await connection.ended()).split('\r\n\r\n');
    assert.match(head!, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(head!, /chunked|content-length/i);
    check(text!, ({ outputs }: { outputs: number[][] }) => outputs);
  });

  it('is followed by the next answer of its connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports: (number | undefined)[] = [];
    for (let i = 0; i < 2; i++) {
      const answer = await ask('/v1/models/m:predict', {}, agent);
      ports.push(answer.socket.localPort);
      check(await textOf(answer), ({ outputs }: { outputs: number[][] }) => outputs);
    }
    assert.equal(ports[0], ports[1]);
    agent.destroy();
  });

  it('counts until it is taken, and no more of it is made for a client that has left', async () => {
    for (const more of [{}, { te: 'trailers' }]) {
      const answer = await ask('/v1/models/m:predict', more);
      answer.socket.pause();
      assert.equal(memory.unsent.bytes, 4 * VALUES.length);
      const closed = new Promise((resolve) => answer.socket.once('close', resolve));
      answer.destroy();
      await closed;
      while (memory.unsent.bytes > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    check(await textOf(await ask('/v1/models/m:predict')), ({ outputs }: { outputs: number[][] }) => outputs);
  });

  it('that has no form is refused before its status', async () => {
    rest.models.add('uneven', {
      signatures: {
        serving_default: signature(
          { x: spec('float32', [-1]) },
          { y: spec('float32', undefined), z: spec('float32', undefined) },
        ),
      },
      behave: () =>
        new Map([
          ['y', numericTensor('float32', [ROWS, WIDTH], VALUES)],
          ['z', numericTensor('float32', [WIDTH, ROWS], VALUES)],
        ]),
    });
    const answer = await fetch(`${rest.url}/v1/models/uneven:predict`, { method: 'POST', body: '{"instances":[1,2]}' });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /no row format/);
  });
});

describe('the memory of a huge answer', () => {
  after(killSidecars);

  it('is that of its outputs, and not of its text', async (t) => {
    const elements = 8 * MIB;
    const base = tempDirectory(t);
    mkdirSync(join(base, '1'));
    const shape = {
      name: 's',
      dtype: 'int64',
      dims: [1],
      data: new Uint8Array(BigInt64Array.of(BigInt(elements)).buffer),
    } as const;
    const model = onnxModel({
      inputs: [{ name: 'x', dtype: 'float32', dims: [1] }],
      outputs: [{ name: 'y', dtype: 'float32', dims: [elements] }],
      nodes: [{ op: 'Expand', inputs: ['x', 's'], outputs: ['y'] }],
      initializers: [shape],
    });
    writeFileSync(join(base, '1', 'model.onnx'), model);
    const sidecar = await startSidecar([`--model=m=${base}`, '--host=thread', '--enable_batching=false']);
    const peak = (): number =>
      Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${sidecar.process.pid}/status`, 'utf8'))![1]) / 1024;
    const ask = async (): Promise<number> => {
      const body = '{"inputs":[0.12345679]}';
      const answer = await fetch(`${sidecar.rest}/v1/models/m:predict`, { method: 'POST', body });
      assert.equal(answer.status, 200);
      let bytes = 0;
      for await (const chunk of answer.body!) bytes += chunk.length;
      return bytes;
    };
    const before = peak();
    assert.equal(await ask(), '{"outputs":[]}'.length + elements * '0.12345679,'.length - 1);
    const more = Math.round(peak() - before);
    t.diagnostic(`${more} MiB more for ${elements * 11} bytes`);
    assert.ok(more < 128, `${more} MiB more`);
    assert.equal(await sidecar.stop(), 0);
  });
});
