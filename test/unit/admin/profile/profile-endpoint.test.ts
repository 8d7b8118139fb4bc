import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { ProfileEndpoint } from '../../../../src/admin/profile/profile-endpoint.ts';
import type { ProfileSpec } from '../../../../src/admin/profile/profiler.ts';

interface Taking {
  readonly spec: ProfileSpec;
  readonly signal: AbortSignal;
  finish(pieces: Iterable<string>): void;
}

/** An endpoint whose profiles end when the test says so. */
async function harness(t: TestContext) {
  const taken: Taking[] = [];
  let onTaken = (): void => undefined;
  const profiler = {
    take: (spec: ProfileSpec, signal: AbortSignal) =>
      new Promise<Generator<string>>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        taken.push({ spec, signal, finish: (pieces) => resolve(pieces as Generator<string>) });
        onTaken();
      }),
  };
  const endpoint = new ProfileEndpoint({ profiler, models: () => ['m', 'n'] });
  const [profile] = endpoint.paths();
  const server = createServer(async (request, response) => {
    const { pathname: path, searchParams: query } = new URL(request.url!, 'http://localhost');
    const refusal = await profile!.answer({ request, response, path, query, match: [] });
    if (refusal) response.writeHead(refusal.status).end(`${refusal.text}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, agent: false };
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request({ ...options, path, headers, method }, resolve)
        .once('error', reject)
        .end();
    });
  const begun = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onTaken = () => taken.length >= count && resolve();
      onTaken();
    });
  return { ask, taken, begun, profile: profile!, options };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return text;
}

describe('GET /profile', () => {
  it('answers with the file when it is taken, and takes one at a time', async (t) => {
    const { ask, taken, begun } = await harness(t);
    const first = ask('/profile?seconds=3&model=m');
    await begun(1);
    assert.deepEqual(taken[0]!.spec, { seconds: 3, model: 'm' });
    const second = await ask('/profile');
    assert.deepEqual(
      [second.statusCode, await textOf(second)],
      [429, 'a profile is being taken; wait until it has ended\n'],
    );
    taken[0]!.finish(['{"a":', '1}']);
    const answer = await first;
    assert.deepEqual([answer.statusCode, answer.headers['content-type']], [200, 'application/json']);
    assert.equal(await textOf(answer), '{"a":1}');
    const third = ask('/profile');
    await begun(2);
    assert.deepEqual(taken[1]!.spec, { seconds: 5, model: undefined });
    taken[1]!.finish([]);
    assert.equal((await third).statusCode, 200);
  });

  it('refuses what it cannot do, with what is wanted', async (t) => {
    const { ask, taken } = await harness(t);
    const cases: readonly [string, number, RegExp, Record<string, string>?, string?][] = [
      ['/profile?seconds=0', 400, /^seconds=0 wants a whole number from 1 to 60$/],
      ['/profile?seconds=61', 400, /seconds=61/],
      ['/profile?seconds=1.5', 400, /seconds=1\.5/],
      ['/profile?seconds=', 400, /seconds= wants/],
      ['/profile?second=1', 400, /^unknown parameter "second"$/],
      ['/profile?model=x', 404, /^no model "x" is served here; served: m, n$/],
      ['/profile', 405, /taken with GET/, {}, 'POST'],
    ];
    for (const [path, status, text, headers, method] of cases) {
      const answer = await ask(path, headers, method);
      assert.equal(answer.statusCode, status, path);
      assert.match((await textOf(answer)).trim(), text);
    }
    assert.equal(taken.length, 0);
  });

  it('is cancelled when its reader leaves, and another may follow', async (t) => {
    const { ask, taken, begun, options } = await harness(t);
    const leaving = get({ ...options, path: '/profile' });
    leaving.once('error', () => undefined);
    await begun(1);
    const aborted = new Promise((resolve) => taken[0]!.signal.addEventListener('abort', resolve));
    leaving.destroy();
    await aborted;
    const next = ask('/profile');
    await begun(2);
    taken[1]!.finish(['ok']);
    assert.equal(await textOf(await next), 'ok');
  });

  it('is cancelled when the server drains, and none begins then', async (t) => {
    const { ask, begun, profile } = await harness(t);
    const underWay = ask('/profile');
    await begun(1);
    profile.drain?.();
    assert.equal((await underWay).statusCode, 503);
    const late = await ask('/profile');
    assert.deepEqual(
      [late.statusCode, await textOf(late)],
      [503, 'the server is shutting down; profile another one\n'],
    );
  });
});
