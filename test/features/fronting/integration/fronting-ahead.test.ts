/** Requests that clients send ahead on one connection of HTTP/1.1, to the application and to this server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { OpenFronted } from '../../../../src/proxy/fronting/open-fronted.ts';
import { type PageMaker, PageServer, plain } from '../../../../src/proxy/servers/page-server.ts';
import { bodyOf, event, FrontedApp, nextRequest } from '../fronted-app.ts';

const MANY = 2000;
const underWay = new OpenFronted();
const fronted = new FrontedApp({ front: { underWay } });
before(() => fronted.start());
after(() => fronted.close());

/** A connection, and all that has come back on it. */
async function open(url = fronted.url): Promise<{ readonly socket: Socket; received: string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const opened = { socket, received: '' };
  socket.setEncoding('latin1').on('data', (text: string) => {
    opened.received += text;
  });
  await event(socket, 'connect');
  return opened;
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function untilHas(opened: { readonly socket: Socket; received: string }, has: () => boolean): Promise<void> {
  while (!has()) await once(opened.socket, 'data');
}

function gets(path: string, count: number): string {
  return `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(count);
}

test('of many that one connection sends ahead few are open, and all are answered in order', async () => {
  const first = nextRequest(fronted);
  const client = await open();
  let numbers = '';
  for (let i = 0; i < MANY; i++) numbers += gets(`/${i}`, 1);
  client.socket.write(numbers);
  const [, response] = await first;
  // Another's goes through all turns of the event loop in which they would have begun.
  const other = await open();
  fronted.onRequest = (request, answer) => answer.end(`<${request.url}>`);
  other.socket.write(gets('/other', 1));
  await untilHas(other, () => other.received.includes('</other>'));
  assert.ok(underWay.requests <= 17, `${underWay.requests} are open`);
  response.end('</0>');
  await untilHas(client, () => client.received.includes(`</${MANY - 1}>`));
  const answered = [...client.received.matchAll(/<\/(\d+)>/g)].map(([, number]) => Number(number));
  assert.deepEqual(answered, [...Array(MANY).keys()]);
  client.socket.destroy();
  other.socket.destroy();
});

test('those for this server, too: another connection is answered long before they are', async () => {
  const client = await open();
  client.socket.write(gets('/v2', MANY));
  await untilHas(client, () => client.received.length > 0);
  const other = await open();
  other.socket.write(gets('/v2', 1));
  await untilHas(other, () => other.received.includes('HTTP/1.1 200'));
  const before = countOf(client.received, 'HTTP/1.1 200');
  assert.ok(before < MANY / 2, `${before} were answered first`);
  await untilHas(client, () => countOf(client.received, 'HTTP/1.1 200') === MANY);
  client.socket.destroy();
  other.socket.destroy();
});

test('and those for a port of pages', async () => {
  let begun = 0;
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  const slow = async () => {
    begun += 1;
    await given;
    return plain('slow');
  };
  const pages = new PageServer({
    pages: new Map<string, PageMaker>([
      ['/slow', slow],
      ['/live', () => plain('live')],
    ]),
    onInternalError: (error) => assert.fail(String(error)),
  });
  const url = `http://${await pages.listen('127.0.0.1:0')}`;
  const client = await open(url);
  client.socket.write(gets('/slow', MANY));
  while (begun < 16) await new Promise(setImmediate);
  const other = await open(url);
  other.socket.write(gets('/live', 1));
  await untilHas(other, () => other.received.includes('live'));
  assert.ok(begun <= 17, `${begun} have begun`);
  give();
  await untilHas(client, () => countOf(client.received, 'HTTP/1.1 200') === MANY);
  client.socket.destroy();
  other.socket.destroy();
  await pages.close();
});

test('bodies full of empty lines stay whole, wherever the bytes are cut', async () => {
  fronted.onRequest = async (request, response) => {
    const body = (await bodyOf(request)).toString('latin1');
    response.end(`<${request.url} ${body.length} ${body.replaceAll('\r\n', '.').slice(0, 4)}>`);
  };
  const bodies = [
    '\r\n'.repeat(300),
    'GET /no HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(40),
    'a',
    '\r\n\r\n',
    'x'.repeat(70_000),
  ];
  const count = 60;
  let bytes = '';
  const wanted: string[] = [];
  for (let i = 0; i < count; i++) {
    const body = bodies[i % bodies.length]!;
    const isChunked = i % 2 === 1;
    const framing = isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`;
    const framed = isChunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
    bytes += `POST /${i} HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n${framed}`;
    wanted.push(`</${i} ${body.length} ${body.replaceAll('\r\n', '.').slice(0, 4)}>`);
  }
  const client = await open();
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7 + 3) % 9001) {
    client.socket.write(bytes.slice(at, at + size), 'latin1');
    if (size % 5 === 0) await new Promise(setImmediate);
  }
  await untilHas(client, () => client.received.includes(`</${count - 1} `));
  assert.deepEqual(
    [...client.received.matchAll(/<\/[^>]*>/g)].map(([text]) => text),
    wanted,
  );
  client.socket.destroy();
});
