/**
 * Fastify, Starlette behind uvicorn and Go's net/http, in HTTP/1.1 and HTTP/2, behind this server: what passes, as it was sent, and what happens
 * when either side vanishes. Ends with a table.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { type App, type AppName, killApps, startApp } from './apps.ts';
import { ask, hashOf, PATTERN, patternOf, peakMib, RawClient, textOf } from './passing.ts';
import { openWebSocket } from './web-socket.ts';

const BODY_BYTES = 200_000_000;
/** What streams, sockets and a collector that is behind may hold of 200 MB. */
const MOST_GROWTH_MIB = 80;

/** What an application itself does not do. */
const CANNOT: Readonly<Partial<Record<AppName, readonly string[]>>> = {
  starlette: ['trailers', '103 Early Hints'],
  // Its package for WebSockets knows no RFC 8441; its answer with trailers has a length, which HTTP/1.1 has no place beside.
  'go over HTTP/2': [
    'trailers',
    'WebSocket: text, binary, ping, a megabyte',
    'WebSocket: close codes of either side',
    'WebSocket: the client vanishes',
    'WebSocket: compression is for both ends to agree upon',
  ],
};

/** What each calls the end of a WebSocket that nobody closed. */
const BROKEN_OFF = { fastify: 1006, starlette: 1005, go: -1, 'go over HTTP/2': -1 } as const;

const table: { readonly app: string; readonly what: string; readonly result: string }[] = [];

for (const name of ['fastify', 'starlette', 'go', 'go over HTTP/2'] as const) {
  describe(name, () => {
    let app: App;
    let sidecar: Sidecar;
    let url = '';
    const ends: (() => unknown)[] = [];

    before(async () => {
      const context = { after: (end: () => unknown) => ends.push(end) } as unknown as TestContext;
      const file = join(tempDirectory(context), 'file.bin');
      writeFileSync(file, PATTERN);
      app = await startApp(name, file);
      const scheme = name === 'go over HTTP/2' ? 'h2c' : 'http';
      sidecar = await startSidecar([...DIGITS, `--app=${scheme}://${app.address}`]);
      url = sidecar.rest;
    });
    after(async () => {
      killSidecars();
      await killApps();
      for (const end of ends) await end();
    });

    /** A row of the table; it is 'as sent' unless it says more. */
    const passes = (what: string, run: () => Promise<string | undefined>): void => {
      if (CANNOT[name]?.includes(what) === true) {
        table.push({ app: name, what, result: 'not done by the application' });
        return;
      }
      test(what, async () => {
        const result = await run();
        table.push({ app: name, what, result: result ?? 'as sent' });
      });
    };

    passes('WebSocket: text, binary, ping, a megabyte', async () => {
      const client = await openWebSocket(url);
      for (const data of ['text', 'é€', 'x'.repeat(1_000_000)]) {
        client.send(data);
        assert.deepEqual(await client.next(), [data, false]);
      }
      const bytes = PATTERN.toString('latin1');
      client.send(PATTERN);
      assert.deepEqual(await client.next(), [bytes, true]);
      await client.ping('are you there');
      client.close(1000);
      assert.equal(await client.closed, 1000);
      return `compressed: ${client.extensions}`;
    });

    passes('WebSocket: close codes of either side', async () => {
      const told = await openWebSocket(url);
      told.send('close with 4001');
      assert.equal(await told.closed, 4001);
      const telling = await openWebSocket(url);
      telling.close(4002);
      assert.equal(await app.printed('closed 4002'), 'closed 4002');
      return undefined;
    });

    passes('WebSocket: the client vanishes', async () => {
      const client = await openWebSocket(url);
      client.terminate();
      await app.printed(`closed ${BROKEN_OFF[name]}`);
      return undefined;
    });

    passes('WebSocket: compression is for both ends to agree upon', async () => {
      const { extensions } = await openWebSocket(url);
      const direct = await openWebSocket(`http://${app.address}`);
      assert.equal(extensions, direct.extensions);
      assert.match(extensions, /permessage-deflate/);
      return extensions;
    });

    passes('SSE: each event as it is sent', async () => {
      const answer = await ask(url, '/sse?count=10&ms=50');
      assert.match(answer.headers['content-type']!, /^text\/event-stream/);
      const late: number[] = [];
      let text = '';
      for await (const chunk of answer) {
        text += chunk;
        for (const [, sentAt] of (chunk as Buffer).toString().matchAll(/data: (\d+)/g))
          late.push(Date.now() - Number(sentAt));
      }
      assert.equal([...text.matchAll(/^id: /gm)].length, 10);
      const median = late.sort((a, b) => a - b)[5]!;
      // They were sent over 450 ms: gathered, half of them would be later than this.
      assert.ok(median < 150, `median ${median} ms`);
      return `${median} ms after it was sent (median)`;
    });

    passes('200 MB up', async () => {
      const expected = await hashOf(patternOf(BODY_BYTES));
      let got = '';
      const headers = { 'content-type': 'application/octet-stream', 'content-length': BODY_BYTES };
      const [before_, peak] = await peakMib(sidecar.process.pid!, async () => {
        got = await textOf(await ask(url, '/hash', { method: 'POST', headers }, patternOf(BODY_BYTES)));
      });
      assert.deepEqual(JSON.parse(got), expected);
      assert.ok(peak - before_ < MOST_GROWTH_MIB, `${before_} → ${peak} MiB`);
      return `${before_.toFixed(0)} → ${peak.toFixed(0)} MiB`;
    });

    passes('200 MB down', async () => {
      const expected = await hashOf(patternOf(BODY_BYTES));
      const [before_, peak] = await peakMib(sidecar.process.pid!, async () => {
        assert.deepEqual(await hashOf(await ask(url, `/bytes?n=${BODY_BYTES}`)), expected);
      });
      assert.ok(peak - before_ < MOST_GROWTH_MIB, `${before_} → ${peak} MiB`);
      return `${before_.toFixed(0)} → ${peak.toFixed(0)} MiB`;
    });

    passes('a reader that stops for a while holds the application up', async () => {
      const answer = await ask(url, `/bytes?n=${BODY_BYTES}`);
      const [before_, peak] = await peakMib(
        sidecar.process.pid!,
        () => new Promise((resolve) => setTimeout(resolve, 1000)),
      );
      assert.ok(peak - before_ < MOST_GROWTH_MIB, `${before_} → ${peak} MiB`);
      answer.destroy();
      return `${before_.toFixed(0)} → ${peak.toFixed(0)} MiB`;
    });

    passes('trailers', async () => {
      const client = new RawClient(url);
      client.send(
        'POST /trailers HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\ncontent-type: text/plain\r\n',
      );
      client.send('trailer: x-sent\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sent: given\r\n\r\n');
      const [, trailers] = await client.seen(/\r\n3\r\nabc\r\n0\r\n(.*\r\n)\r\n$/s);
      assert.match(trailers!, /x-sum: ba7816bf/i);
      assert.match(trailers!, /x-got: given/i);
      client.socket.destroy();
      return undefined;
    });

    passes('Expect: 100-continue', async () => {
      const client = new RawClient(url);
      const head =
        'HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n';
      client.send(`POST /hash ${head}`);
      await client.seen(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
      client.send('abc');
      await client.seen(/ba7816bf/);
      client.socket.destroy();
      const refused = new RawClient(url);
      refused.send(`POST /refuse ${head}`);
      const [, before_] = await refused.seen(/^(.*)HTTP\/1\.1 403 /s);
      refused.socket.destroy();
      return before_ === '' ? 'as sent; 403 without 100' : 'as sent; the application asks for any body';
    });

    passes('103 Early Hints', async () => {
      const client = new RawClient(url);
      client.send('GET /hints HTTP/1.1\r\nhost: a\r\n\r\n');
      const [all] = await client.seen(/^HTTP\/1\.1 103 .*HTTP\/1\.1 200 .*hinted/s);
      assert.match(all, /style\.css/);
      assert.match(all, /script\.js/);
      client.socket.destroy();
      return undefined;
    });

    passes('HEAD, 204, 304, ranges', async () => {
      const head = await ask(url, '/file', { method: 'HEAD' });
      assert.deepEqual([head.statusCode, head.headers['content-length'], await textOf(head)], [200, '65536', '']);
      for (const code of [204, 304]) {
        const answer = await ask(url, `/status?code=${code}`);
        assert.deepEqual([answer.statusCode, answer.headers['etag'], await textOf(answer)], [code, '"abc"', '']);
      }
      const part = await ask(url, '/file', { headers: { range: 'bytes=100-199' } });
      assert.equal(part.statusCode, 206);
      assert.equal(part.headers['content-range'], 'bytes 100-199/65536');
      assert.equal(await textOf(part), PATTERN.subarray(100, 200).toString('latin1'));
      const none = await ask(url, '/file', { headers: { range: 'bytes=70000-' } });
      assert.equal(none.statusCode, 416);
      none.resume();
      return undefined;
    });

    passes('gzip', async () => {
      const answer = await ask(url, '/gzip', { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(answer.headers['content-encoding'], 'gzip');
      const bytes = Buffer.from(await textOf(answer), 'latin1');
      assert.equal(Number(answer.headers['content-length']), bytes.length);
      assert.equal(gunzipSync(bytes).toString(), 'hello '.repeat(1000));
      return undefined;
    });

    passes('headers: twice, wide, any byte', async () => {
      const cookies = await ask(url, '/cookies');
      assert.equal(cookies.headers['set-cookie']?.length, 2);
      cookies.resume();
      const wide = await ask(url, '/wide?count=12');
      assert.equal(Object.keys(wide.headers).filter((each) => each.startsWith('x-wide-')).length, 12);
      wide.resume();
      const client = new RawClient(url);
      const odd = 'a\tb "\\ \x80\xe9\xff';
      client.send(
        `GET /headers HTTP/1.1\r\nhost: a\r\nx-odd: ${odd}\r\nx-two: 1\r\nx-two: 2\r\nx-big: ${'b'.repeat(7000)}\r\n`,
      );
      client.send("!#$%&'*+-.^_`|~: token\r\n\r\n");
      await client.seen(/\r\n\r\n.*b\]|\]\]/s);
      const json = /\[\[.*\]\]/s.exec(client.text)![0].replace(/\r\n[0-9a-f]+\r\n/g, '');
      const list = JSON.parse(Buffer.from(json, 'latin1').toString()) as [string, string][];
      const of = (wanted: string): string[] => list.filter(([each]) => each === wanted).map(([, value]) => value);
      assert.deepEqual(of('x-odd'), [odd]);
      assert.deepEqual(of('x-two'), ['1', '2']);
      assert.equal(of('x-big')[0]?.length, 7000);
      assert.deepEqual(of("!#$%&'*+-.^_`|~"), ['token']);
      client.socket.destroy();
      return undefined;
    });

    passes('keep-alive and requests ahead', async () => {
      const client = new RawClient(url);
      for (let i = 0; i < 20; i++) client.send(`GET /a${i} HTTP/1.1\r\nhost: a\r\n\r\n`);
      await client.seen(/x-saw: GET \/a19 /i);
      const order = [...client.text.matchAll(/x-saw: GET \/a(\d+) /gi)].map(([, i]) => Number(i));
      assert.deepEqual(order, [...Array(20).keys()]);
      client.socket.destroy();
      return undefined;
    });

    passes('the client is gone before the body is whole', async () => {
      const client = new RawClient(url);
      client.send('POST /hash HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nabc');
      await once(client.socket, 'connect');
      const printed = app.printed('broken');
      client.socket.destroySoon();
      assert.equal(await printed, 'broken 3');
      return undefined;
    });

    passes('the client is gone before the answer, and in it', async () => {
      for (const [path, id] of [
        ['/never', 'before'],
        ['/begin', 'within'],
      ]) {
        const client = new RawClient(url);
        client.send(`GET ${path}?id=${id} HTTP/1.1\r\nhost: a\r\n\r\n`);
        if (path === '/begin') await client.seen(/begun$/);
        else await once(client.socket, 'connect');
        client.socket.end();
        await app.printed(`left ${id}`);
      }
      return undefined;
    });

    passes('no answer within the deadline', async () => {
      const answer = await ask(url, '/never?id=late', { headers: { 'x-envoy-expected-rq-timeout-ms': '100' } });
      assert.equal(answer.statusCode, 504);
      answer.resume();
      await app.printed('left late');
      return '504, and the application is told';
    });

    // Last: the application does not come back.
    passes('the application dies before the answer, and in it', async () => {
      const waiting = new RawClient(url);
      waiting.send('GET /never?id=x HTTP/1.1\r\nhost: a\r\n\r\n');
      const within = new RawClient(url);
      within.send('GET /begin?id=y HTTP/1.1\r\nhost: a\r\n\r\n');
      await within.seen(/begun$/);
      await app.kill();
      await waiting.seen(/^HTTP\/1\.1 50[23] /);
      await within.closed;
      assert.match(within.text, /begun$/);
      const answer = await ask(url, '/');
      assert.equal(answer.statusCode, 503);
      answer.resume();
      waiting.socket.destroy();
      return '502; cut off; then 503';
    });
  });
}

after(() => {
  const width = Math.max(...table.map(({ what }) => what.length));
  for (const { app, what, result } of table)
    process.stdout.write(`${app.padEnd(14)} ${what.padEnd(width)}  ${result}\n`);
});
