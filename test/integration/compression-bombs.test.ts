/** Messages that grow when they are inflated: requests, and answers of another server. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encode } from '../support/proto-registry.ts';
import { frame } from '../support/raw-grpc.ts';
import { remoteModel } from '../support/remote-models.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const MIB = 2 ** 20;

const TENSOR = { name: 'x', datatype: 'FP32', shape: [-1n] };
const METADATA = encode('inference.ModelMetadataResponse', {
  name: 'm',
  versions: ['1'],
  inputs: [TENSOR],
  outputs: [{ ...TENSOR, name: 'y' }],
});

after(killSidecars);

/** A server of one model whose answers are this message, with its five bytes in front. Returns its address. */
async function serverThatAnswers(t: TestContext, answer: Buffer, encoding: string): Promise<string> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const isInfer = headers[':path']!.endsWith('/ModelInfer');
    const coding = isInfer ? { 'grpc-encoding': encoding } : {};
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...coding }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('error', () => undefined);
    stream.resume().end(isInfer ? answer : frame(METADATA));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function sidecarOf(t: TestContext, remote: string): Promise<Sidecar> {
  const model = remoteModel(t, `address: ${remote}\nmodel: m\nprotocol: v2\n`);
  return await startSidecar([`--model=m=${model}`, '--host=thread']);
}

function peakMib({ process: { pid } }: Sidecar): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

async function predict({ rest }: Sidecar): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', body: '{"inputs":{"x":[1]}}' });
  return { status: answer.status, text: await answer.text() };
}

/** 1 GiB of zeros: gzip's members may follow one another. */
function bomb(): Buffer {
  const member = gzipSync(Buffer.alloc(64 * MIB), { level: 9 });
  return Buffer.concat(Array<Buffer>(16).fill(member));
}

it('an answer that inflates over --max_message_bytes is refused before there is memory for it', async (t) => {
  const sidecar = await sidecarOf(t, await serverThatAnswers(t, frame(bomb(), 1), 'gzip'));
  const before = peakMib(sidecar);
  const { status, text } = await predict(sidecar);
  const more = peakMib(sidecar) - before;
  t.diagnostic(`${Math.round(more)} MiB more`);
  assert.equal(status, 413, text);
  assert.match(text, /its answer is too large .*raise --max_message_bytes/);
  // The limit and what is in the middle of its inflation, and not 1 GiB.
  assert.ok(more < 256, `${Math.round(more)} MiB more`);
  assert.equal(await sidecar.stop(), 0);
});

it('an answer that is announced as larger than that is refused by its length', async (t) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(2 ** 31 - 1, 1);
  const sidecar = await sidecarOf(t, await serverThatAnswers(t, Buffer.concat([head, Buffer.alloc(MIB)]), 'identity'));
  const { status, text } = await predict(sidecar);
  assert.equal(status, 413, text);
  assert.match(text, /its answer is too large .*2147483647 vs 67108864/);
  assert.equal(await sidecar.stop(), 0);
});

it('codings one over another make no more of a body than one may', async (t) => {
  const sidecar = await startSidecar(DIGITS);
  // Neither coding makes 200 times its input, and both together make 62 MiB of 3 KiB.
  const blanks = gzipSync(Buffer.alloc(6144, ' '));
  const inner = Buffer.concat([gzipSync('{"instances":['), ...Array<Buffer>(10_600).fill(blanks), gzipSync(']}')]);
  const body = gzipSync(inner, { level: 9 });
  assert.ok(body.length < 4096);
  const before = peakMib(sidecar);
  const headers = { 'content-encoding': 'gzip, gzip' };
  const answer = await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', headers, body });
  t.diagnostic(`${body.length} bytes: ${Math.round(peakMib(sidecar) - before)} MiB more`);
  assert.equal(answer.status, 413);
  assert.match(await answer.text(), /4 MiB and 200 times what was sent when it is inflated as gzip, gzip/);
  assert.equal(await sidecar.stop(), 0);
});
