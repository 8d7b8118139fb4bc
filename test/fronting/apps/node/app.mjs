/** The routes of test/fronting/apps.ts with Fastify. `--lenient`: with the most forgiving parser that node has. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { basename, dirname } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fastifyStatic from '@fastify/static';
import fastifyWebSocket from '@fastify/websocket';
import fastify from 'fastify';

const BLOCK = Buffer.from(Uint8Array.from({ length: 65536 }, (_, i) => i * 7 + (i >> 8) * 13));
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);
const isLenient = process.argv.includes('--lenient');

const app = fastify({
  exposeHeadRoutes: true,
  serverFactory: (handler) => createServer({ insecureHTTPParser: isLenient, requestTimeout: 0 }, handler),
});
await app.register(fastifyWebSocket, { options: { perMessageDeflate: { threshold: 0 }, maxPayload: 2 ** 26 } });
await app.register(fastifyStatic, { root: dirname(process.env.APP_FILE), serve: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));

const hashOf = (data) => createHash('sha256').update(data).digest('hex');

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request.raw) chunks.push(chunk);
  return Buffer.concat(chunks);
}

await app.register((scope, _options, done) => {
  scope.get('/ws', { websocket: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('close', (code) => say('closed', code));
    socket.on('message', (data, isBinary) => {
      if (!isBinary && data.toString() === 'close with 4001') socket.close(4001, 'as asked');
      else socket.send(data, { binary: isBinary });
    });
  });
  done();
});

app.get('/sse', (request, reply) => {
  const { count, ms } = request.query;
  async function* events() {
    for (let i = 0; i < Number(count); i++) {
      if (i > 0) await pause(Number(ms));
      yield `id: ${i}\ndata: ${Date.now()}\n\n`;
    }
  }
  return reply.type('text/event-stream').send(Readable.from(events()));
});

app.post('/hash', async (request, reply) => {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of request.raw) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch {
    say('broken', bytes);
    return reply.hijack();
  }
  return { bytes, sha256: hash.digest('hex') };
});

app.get('/bytes', (request, reply) => {
  const n = Number(request.query.n);
  function* blocks() {
    for (let left = n; left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left);
  }
  return reply.header('content-length', n).type('application/octet-stream').send(Readable.from(blocks()));
});

app.post('/trailers', async (request, reply) => {
  const body = await bodyOf(request);
  reply.trailer('x-sum', async () => hashOf(body));
  reply.trailer('x-got', async () => request.raw.trailers['x-sent'] ?? '');
  return reply.send(Readable.from([body]));
});

app.get('/hints', (_request, reply) => {
  const link = ['</style.css>; rel=preload; as=style', '</script.js>; rel=preload; as=script'];
  reply.raw.writeEarlyHints({ link });
  return reply.send('hinted');
});

app.get('/status', (request, reply) => reply.code(Number(request.query.code)).header('etag', '"abc"').send());
app.get('/file', (_request, reply) => reply.sendFile(basename(process.env.APP_FILE)));
app.get('/gzip', (_request, reply) =>
  reply
    .header('content-encoding', 'gzip')
    .type('text/plain')
    .send(gzipSync('hello '.repeat(1000))),
);

app.get('/headers', (request) => {
  const { rawHeaders } = request.raw;
  return rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1]]] : []));
});

app.get('/cookies', (_request, reply) => {
  reply.header('set-cookie', ['a=1; Path=/', 'b=2; Path=/; Expires=Wed, 09 Jun 2032 10:18:14 GMT']);
  return reply.send('');
});

app.get('/wide', (request, reply) => {
  for (let i = 0; i < Number(request.query.count); i++) reply.header(`x-wide-${i}`, 'w'.repeat(1000));
  return reply.send('');
});

app.all('/never', (request, reply) => {
  request.raw.resume();
  reply.raw.once('close', () => say('left', request.query.id));
  reply.hijack();
});

app.get('/begin', (request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-length': 100 });
  reply.raw.write('begun');
  reply.raw.once('close', () => say('left', request.query.id));
});

app.all('/refuse', (_request, reply) => reply.code(403).send());

app.all('*', async (request, reply) => {
  const body = await bodyOf(request);
  reply.header('x-saw', `${request.method} ${request.raw.url} ${body.length} ${hashOf(body).slice(0, 8)}`);
  return reply.send('');
});

await app.listen({ port: 0, host: '127.0.0.1' });
say('listening', app.server.address().port);
