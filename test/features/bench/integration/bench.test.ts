/** `pillion bench` as a user runs it, against servers whose behaviour is known. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { turnsOf } from '../../../../src/features/bench/bench.ts';
import { clientBounds } from '../../../../src/features/bench/report.ts';
import { NOT_SENT, Tally, TIMEOUT } from '../../../../src/features/bench/tally.ts';
import { runPillion } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

interface Figures {
  readonly servers: readonly {
    readonly sent: number;
    readonly answered: number;
    readonly errors: Readonly<Record<string, number>>;
    readonly latency_ms: Readonly<Record<string, number>>;
  }[];
}

async function serverOf(t: TestContext, listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function bench(...args: readonly string[]): Promise<{ readonly status: unknown; readonly text: string }> {
  const child = runPillion(['bench', ...args]);
  const status = await child.exited;
  return { status, text: child.output() };
}

describe('pillion bench', () => {
  it('sends its data at the rate that it was given, and counts errors by their kind', async (t) => {
    const bodies = new Set<string>();
    let count = 0;
    const url = await serverOf(t, (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.add(`${request.method} ${body} ${request.headers['x-envoy-expected-rq-timeout-ms']}`);
        count += 1;
        response.writeHead(count % 5 === 0 ? 429 : 200).end('{}');
      });
    });
    const data = join(tempDirectory(t), 'request.json');
    writeFileSync(data, '{"instances":[1]}');
    const args = ['--rate=100', '--seconds=1', '--warm_up=0', '--arrivals=constant', '--deadline=2s', '--json'];
    const { status, text } = await bench(url, `--data=${data}`, ...args);
    assert.equal(status, 0, text);
    const [server] = (JSON.parse(text) as Figures).servers;
    assert.deepEqual([...bodies], ['POST {"instances":[1]} 2000']);
    assert.equal(server!.sent, count);
    assert.ok(count >= 95 && count <= 100, `${count} of 100`);
    assert.equal(server!.errors['429'], Math.floor(count / 5));
    assert.equal(server!.answered, count - server!.errors['429']!);
  });

  it('says why, where nothing is answered, and nothing of latencies', async (t) => {
    const url = await serverOf(t, (_, response) => {
      response.writeHead(400).end('{"error":"pixels: \u001b[31mwants 64"}');
    });
    const { status, text } = await bench(url, '--rate=50', '--seconds=1', '--warm_up=0');
    assert.equal(status, 1, text);
    assert.match(text, /^400: \d+, such as \{"error":"pixels: \S*wants 64"\}$/m);
    assert.doesNotMatch(text, /This client was the bound/);
  });

  it('counts latency from the time at which a request was due, so that a stall is in the figures', async (t) => {
    const waiting: (() => void)[] = [];
    let count = 0;
    // It answers nothing until 20 have come, then all of them at once.
    const url = await serverOf(t, (_, response) => {
      waiting.push(() => response.end('{}'));
      count += 1;
      if (count >= 20) for (const answer of waiting.splice(0)) answer();
    });
    const { text } = await bench(url, '--rate=50', '--seconds=1', '--warm_up=0', '--arrivals=constant', '--json');
    const [server] = (JSON.parse(text) as Figures).servers;
    // The first of 20 at 20 ms each waited for 380 ms.
    assert.ok(server!.latency_ms['p100']! >= 370, text);
    assert.equal(server!.sent, server!.answered);
  });

  it('shows two servers side by side with their ratio, and ends with 1 where one does not answer', async (t) => {
    const url = await serverOf(t, (_, response) => response.end('{}'));
    const both = await bench(url, `${url}b`, '--rate=50', '--seconds=2', '--turn=1', '--warm_up=0');
    assert.equal(both.status, 0, both.text);
    assert.match(both.text, /^A {2}http/m);
    assert.match(both.text, /^50 a second +A +B +B\/A$/m);
    assert.match(both.text, /^p99\.9 ms +[\d.]+ +[\d.]+ +[\d.]+$/m);
    const none = await bench('http://127.0.0.1:1/', '--rate=20', '--seconds=1', '--warm_up=0');
    assert.equal(none.status, 1);
    assert.match(none.text, /^ECONNREFUSED: \d+$/m);
    const wrong = await bench('127.0.0.1:8501');
    assert.deepEqual(
      [wrong.status, /wants http:\/\/, https:\/\/, grpc:\/\/ or grpcs:\/\//.test(wrong.text)],
      [64, true],
    );
  });

  it('gives up on an answer that comes a byte at a time', async (t) => {
    const url = await serverOf(t, (_, response) => {
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    });
    const { status, text } = await bench(url, '--rate=10', '--seconds=1', '--warm_up=0', '--deadline=200ms');
    assert.equal(status, 1, text);
    assert.match(text, /^no answer in time: \d+$/m);
  });

  it('ends with the figures so far after Ctrl-C', async (t) => {
    let count = 0;
    let onLast = (): void => undefined;
    const last = new Promise<void>((resolve) => {
      onLast = resolve;
    });
    // The fifth is not answered, nor those after it.
    const url = await serverOf(t, (_, response) => {
      count += 1;
      if (count < 5) response.end('{}');
      else onLast();
    });
    const child = runPillion(['bench', url, '--rate=50', '--seconds=600', '--warm_up=0', '--json']);
    await last;
    child.process.kill('SIGINT');
    assert.equal(await child.exited, 130, child.output());
    const json = child
      .output()
      .split('\n')
      .find((line) => line.startsWith('{'))!;
    const { servers } = JSON.parse(json) as { servers: readonly { seconds: number; answered: number }[] };
    assert.equal(servers[0]!.answered, 4);
    assert.ok(servers[0]!.seconds < 600);
  });

  it('takes turns in the order A B B A, and gives each server all of its seconds', () => {
    const turns = turnsOf(2, { seconds: 5, turn: 2 });
    assert.deepEqual(turns.map(({ index }) => 'AB'[index]).join(''), 'ABBAAB');
    for (const index of [0, 1]) {
      const own = turns.filter((turn) => turn.index === index);
      assert.equal(
        own.reduce((sum, { seconds }) => sum + seconds, 0),
        5,
      );
    }
  });

  it('says that the client was the bound, where its lateness is a part of the figures', () => {
    const tally = new Tally();
    for (let i = 0; i < 100; i++) tally.add(0.05, 2, undefined);
    const measured = [{ url: 'http://a/', tally, seconds: 1 }];
    assert.deepEqual(clientBounds(measured), []);
    for (let i = 0; i < 10; i++) tally.add(8, 2, undefined);
    assert.match(clientBounds(measured)[0]!, /sent 8\.\d ms late or more, and an answer takes 2\.0 ms/);
    tally.add(0, 500, TIMEOUT);
    tally.count(NOT_SENT);
    assert.ok(tally.latencyMs(100)! >= 500);
    assert.deepEqual([tally.sent, tally.answered, tally.errors.get(NOT_SENT)], [111, 110, 1]);
  });
});
