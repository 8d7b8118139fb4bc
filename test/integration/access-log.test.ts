/** `--access_log`: what a real server writes of requests of each kind, where to, and that nobody waits for it. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { lstatSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { PREDICT, predictRequest } from '../mesh/half-plus-two.ts';
import { frame, openSession, rawCall } from '../support/raw-grpc.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { killSidecars, type LogLine, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

const MODEL = '--model=half_plus_two=examples/half_plus_two/models/half_plus_two';
const SECRET = 'do-not-tell';

async function startApp(t: TestContext, onRequest: RequestListener): Promise<string> {
  const app = createServer(onRequest);
  app.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    app.closeAllConnections();
    app.close();
  });
  return `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
}

const linesIn = (file: string): readonly LogLine[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);

/** Ends the sidecar, so that all lines are written; gives them by request id. */
async function linesOf(sidecar: Sidecar, file: string): Promise<ReadonlyMap<unknown, LogLine>> {
  assert.equal(await sidecar.stop(), 0);
  return new Map(linesIn(file).map((line) => [line['request_id'], line]));
}

const connectionTo = ({ rest }: Sidecar): RawConnection => new RawConnection(new URL(rest).host);

const answerFor: RequestListener = (request, response) => {
  if (request.url === '/dies') request.socket.destroy();
  else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': 9 });
    response.write('abc', () => request.socket.destroy());
  } else if (request.url !== '/leaves') {
    response.statusCode = 418;
    response.end('teapot');
  }
};

describe('the access log', () => {
  it('has a line for each request of inference, over REST and gRPC, good or bad', async (t) => {
    const file = join(tempDirectory(t), 'access.log');
    const sidecar = await startSidecar([MODEL, `--access_log=${file}`], { OTEL_EXPORTER_OTLP_ENDPOINT: undefined });
    const connection = connectionTo(sidecar);
    const ask = async (id: string, model: string): Promise<void> => {
      const headers = [`x-request-id: ${id}`, 'user-agent: ua/1', `authorization: Bearer ${SECRET}`];
      connection.post(`/v1/models/${model}:predict?key=${SECRET}`, '{"instances":[1]}', headers);
      await connection.answer();
    };
    await ask('good', 'half_plus_two');
    await ask('bad', 'none');
    const session = openSession(sidecar.grpc);
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
    await rawCall(session, PREDICT, frame(predictRequest([1, 2])), { 'x-request-id': 'call', traceparent });
    session.destroy();
    connection.destroy();
    const lines = await linesOf(sidecar, file);
    const { time, peer, ms, ...good } = lines.get('good')!;
    assert.deepEqual(good, {
      surface: 'rest',
      request_id: 'good',
      method: 'Predict',
      model: 'half_plus_two',
      version: good['version'],
      status: 200,
      outcome: 'ok',
      request_bytes: 17,
      response_bytes: '{"predictions":[2.5]}'.length,
      user_agent: 'ua/1',
    });
    assert.equal(peer, '127.0.0.1');
    assert.ok(Math.abs(Date.now() - Number(time)) < 60_000 && Number(ms) > 0);
    const bad = lines.get('bad')!;
    assert.deepEqual([bad['status'], bad['outcome'], bad['model']], [404, 'model_not_found', undefined]);
    const call = lines.get('call')!;
    assert.deepEqual(
      [call['surface'], call['method'], call['grpc_status'], call['trace_id']],
      ['grpc', 'Predict', 0, 'a'.repeat(32)],
    );
    assert.equal(lstatSync(file).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(SECRET));
  });

  it('has a line for each request of the application, however it ends', async (t) => {
    const file = join(tempDirectory(t), 'access.log');
    const app = await startApp(t, answerFor);
    const sidecar = await startSidecar([MODEL, `--app=${app}`, `--access_log=${file}`]);
    const ask = (path: string, ...headers: readonly string[]): RawConnection => {
      const connection = connectionTo(sidecar);
      connection.get(`${path}?key=${SECRET}`.replace(/^(\/dies|\/cut|\/leaves)\?.*/, '$1'), [
        `x-request-id: ${path}`,
        `cookie: ${SECRET}`,
        ...headers,
      ]);
      return connection;
    };
    for (const path of ['/fine', '/dies']) await ask(path).answer();
    await ask('/cut').ended();
    const tunnel = ask('/tunnel', 'connection: upgrade', 'upgrade: echo');
    await tunnel.until('101 Switching');
    tunnel.send('12345');
    await tunnel.until('12345');
    tunnel.destroy();
    // It is in flight until both its ends are closed.
    await appHas(sidecar, 0);
    const leaving = ask('/leaves');
    await appHas(sidecar, 1);
    leaving.destroy();
    await appHas(sidecar, 0);
    const lines = await linesOf(sidecar, file);
    const told = ['/fine', '/dies', '/cut', '/tunnel', '/leaves'].map((id) => {
      const { path, route, status, outcome, response_bytes: bytes } = lines.get(id)!;
      assert.equal(path, id);
      return [route, status, outcome, bytes];
    });
    assert.deepEqual(told, [
      ['http', 418, 'ok', 6],
      ['http', 502, 'app_failed', 0],
      ['http', 200, 'app_cut', 3],
      ['upgrade', 101, 'upgraded', 5],
      ['http', undefined, 'client_left', 0],
    ]);
    assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(SECRET));
  });

  it('cannot be forged, nor be broken, by what a peer sends', async (t) => {
    const file = join(tempDirectory(t), 'access.log');
    const app = await startApp(t, (_request, response) => response.end());
    const sidecar = await startSidecar([MODEL, `--app=${app}`, `--access_log=${file}`]);
    const connection = connectionTo(sidecar);
    const forged = '"},{"outcome":"ok","request_id":"forged';
    const long = 'x'.repeat(6000);
    connection.send(
      Buffer.from(
        `GET /%0a"${long} HTTP/1.1\r\nhost: a\r\nx-request-id: ${forged}\u009b\r\nuser-agent: ${forged}\u0085${long}\r\n\r\n`,
        'latin1',
      ),
    );
    await connection.answer();
    connection.post('/v1/models/none:predict', '{}', [`x-request-id: ${forged}`, `user-agent: \\u000a${forged}`]);
    await connection.answer();
    connection.destroy();
    const lines = await linesOf(sidecar, file);
    assert.deepEqual([...lines.keys()], [`${forged}\u009b`, forged]);
    const text = readFileSync(file, 'utf8');
    assert.match(text, /^[ -~\n]+$/);
    for (const line of text.split('\n')) assert.ok(line.length < 4096);
  });

  it('goes to standard output by that word', async () => {
    const sidecar = await startSidecar([MODEL, '--access_log=stdout']);
    const connection = connectionTo(sidecar);
    connection.post('/v1/models/half_plus_two:predict', '{"instances":[1]}', ['x-request-id: seen']);
    await connection.answer();
    connection.destroy();
    const line = await sidecar.line((each) => each['request_id'] === 'seen');
    assert.deepEqual([line['surface'], line['outcome'], line.level], ['rest', 'ok', undefined]);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is opened anew on SIGHUP, and no link is followed', async (t) => {
    const file = join(tempDirectory(t), 'access.log');
    const sidecar = await startSidecar([MODEL, `--access_log=${file}`]);
    const connection = connectionTo(sidecar);
    const ask = async (id: string): Promise<void> => {
      connection.post('/v1/models/half_plus_two:predict', '{"instances":[1]}', [`x-request-id: ${id}`]);
      await connection.answer();
    };
    await ask('first');
    await written(`${file}`, 'first');
    renameSync(file, `${file}.1`);
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ event }) => event === 'reread');
    await ask('second');
    await written(file, 'second');
    assert.deepEqual([linesIn(`${file}.1`).length, linesIn(file).length], [1, 1]);
    // Somebody puts a link in its place: the old file goes on.
    const elsewhere = `${file}.elsewhere`;
    writeFileSync(elsewhere, '');
    renameSync(file, `${file}.2`);
    symlinkSync(elsewhere, file);
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ event, level }) => event === 'access_log' && level === 'error');
    await ask('third');
    await written(`${file}.2`, 'third');
    assert.equal(readFileSync(elsewhere, 'utf8'), '');
    connection.destroy();
    assert.equal(await sidecar.stop(), 0);
    const refused = runPillion([
      'serve',
      MODEL,
      '--port=0',
      '--rest_api_port=0',
      '--admin_port=0',
      `--access_log=${file}`,
    ]);
    assert.notEqual(await refused.exited, 0);
    assert.match(refused.output(), /--access_log=.*name a file, not a link/);
  });

  it('loses lines that nobody reads, counts them, and keeps neither requests nor the end waiting', async () => {
    const sidecar = await startSidecar([MODEL, '--access_log=stdout']);
    sidecar.process.stdout!.pause();
    const connection = connectionTo(sidecar);
    // Escaped they are six times as long: 3 KB a line, of which 8 MiB wait at most.
    const agent = 'é'.repeat(200);
    const id = 'ü'.repeat(200);
    const inTurn = 500;
    for (let sent = 0; sent < 4000; sent += inTurn) {
      for (let i = 0; i < inTurn; i++) {
        connection.post('/v1/models/none:predict', '{}', [`x-request-id: ${id}`, `user-agent: ${agent}`]);
      }
      for (let i = 0; i < inTurn; i++) assert.equal((await connection.answer()).status, 404);
    }
    connection.destroy();
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const lost = Number(/^pillion_access_log_lost_lines_total (\d+)$/m.exec(page)?.[1]);
    assert.ok(lost > 0, page.slice(0, 200));
    assert.equal(await ended(sidecar), 0);
    const told = sidecar.lines.filter(({ event }) => event === 'access_log_lines_lost');
    assert.ok(told.reduce((sum, line) => sum + Number(line['lines']), 0) >= lost);
  });
});

/** Stops it while its standard output is not read. */
async function ended(sidecar: Sidecar): Promise<number | null> {
  const exited = new Promise<number | null>((resolve) => sidecar.process.once('exit', resolve));
  sidecar.process.kill('SIGTERM');
  const code = await exited;
  // What it wrote last ends within a line.
  sidecar.process.stdout!.destroy();
  await sidecar.exited;
  return code;
}

/** Resolves when so many requests of the application are in flight. */
async function appHas({ admin }: Sidecar, count: number): Promise<void> {
  for (;;) {
    const page = await (await fetch(`${admin}/metrics`)).text();
    if (page.includes(`pillion_app_requests_in_flight ${count}\n`)) return;
  }
}

/** Resolves when the file has the text. */
async function written(file: string, text: string): Promise<void> {
  for (;;) {
    try {
      if (readFileSync(file, 'utf8').includes(text)) return;
    } catch {
      // It is not there yet.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
