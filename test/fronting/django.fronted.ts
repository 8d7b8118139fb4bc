/** Stock Django, served by gunicorn, behind this server, which is behind an Envoy that terminates TLS. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { dirname } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Envoy, runEnvoy } from '../mesh/envoy.ts';
import { selfSigned } from '../support/self-signed.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { envoyTlsConfig } from './envoy-front.ts';

const SITE = fileURLToPath(new URL('../../../test/fronting/apps/django/shop.py', import.meta.url));
/** What a browser follows before it gives up. */
const MOST_REDIRECTS = 20;
const BURST = 40;
/** gunicorn ends what has been idle for 2 s, and looks once a second. */
const BETWEEN_BURSTS_MS = [1400, 1900, 1990, 2000, 2010, 2050, 2200, 2500, 2900, 2990, 3000, 3010, 3100, 0];

const identity = selfSigned('shop.example');
const ends: (() => unknown)[] = [];
let app = '';

before(async () => {
  app = await startDjango();
});
after(async () => {
  killSidecars();
  for (const end of ends.reverse()) await end();
});

/** Resolves with its address. gunicorn keeps idle connections for 2 s, its default. */
async function startDjango(): Promise<string> {
  const python = process.env['PILLION_FRONTED_DJANGO'];
  if (python === undefined) throw new Error('PILLION_FRONTED_DJANGO is not set: run `npm test -- fronting-apps`');
  const args = ['-m', 'gunicorn', '--worker-class', 'gthread', '--bind', '127.0.0.1:0', 'shop:application'];
  const child = spawn(python, args, { cwd: dirname(SITE), stdio: ['ignore', 'ignore', 'pipe'] });
  ends.push(async () => {
    child.kill();
    await once(child, 'close');
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /Listening at: http:\/\/(\S+)/.exec(line)?.[1];
    if (address !== undefined) {
      child.stderr.resume();
      return address;
    }
  }
  throw new Error('gunicorn ended');
}

/** The sidecar in front of Django, and Envoy in front of that. */
async function startBehindTls(...options: readonly string[]): Promise<{ sidecar: Sidecar; envoy: Envoy }> {
  const sidecar = await startSidecar([...DIGITS, `--app=http://${app}`, ...options]);
  const context = { after: (end: () => unknown) => ends.push(end) } as unknown as TestContext;
  const envoy = await runEnvoy(context, envoyTlsConfig(new URL(sidecar.rest).host, identity));
  return { sidecar, envoy };
}

async function get(envoy: Envoy, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const [host, port] = envoy.address.split(':');
  const asked = request({
    host,
    port,
    path,
    servername: 'shop.example',
    ca: identity.cert,
    agent: false,
    headers: { host: 'shop.example', ...headers },
  });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer;
}

async function json(answer: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return JSON.parse(text) as Record<string, unknown>;
}

describe('Django behind a proxy with TLS', () => {
  test('redirects for ever where the proxy is not trusted, and the log says what to set', async () => {
    const { sidecar, envoy } = await startBehindTls();
    let path = '/whoami';
    for (let i = 0; i < MOST_REDIRECTS; i++) {
      const answer = await get(envoy, path);
      answer.resume();
      assert.equal(answer.statusCode, 301);
      assert.equal(answer.headers.location, 'https://shop.example/whoami');
      path = new URL(answer.headers.location).pathname;
    }
    const { msg } = await sidecar.line(({ event }) => event === 'forwarded_untrusted');
    assert.match(msg!, /set --trusted_proxies=127\.0\.0\.1/);
  });

  test('answers where it is, and is told the client alone, whatever that makes up', async () => {
    const { envoy } = await startBehindTls('--trusted_proxies=127.0.0.1');
    const lies = { 'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'http', forwarded: 'for=6.6.6.6;proto=http' };
    for (const headers of [{}, lies]) {
      const answer = await get(envoy, '/whoami', headers);
      assert.equal(answer.statusCode, 200);
      assert.deepEqual(await json(answer), {
        url: 'https://shop.example/whoami',
        is_secure: true,
        forwarded_for: '127.0.0.1, 127.0.0.1',
        forwarded: null,
      });
    }
  });
});

describe('connections that gunicorn closes after 2 s', () => {
  test('lose no request that comes just then', { timeout: 300_000 }, async () => {
    const sidecar = await startSidecar([...DIGITS, `--app=http://${app}`]);
    const headers = { 'x-forwarded-proto': 'https' };
    const post = async (): Promise<number> => {
      const answer = await fetch(`${sidecar.rest}/whoami`, { method: 'POST', body: 'x', headers, redirect: 'manual' });
      await answer.arrayBuffer();
      return answer.status;
    };
    const statuses: number[] = [];
    // Each takes a connection that has been idle since the burst before.
    for (const ms of BETWEEN_BURSTS_MS) {
      statuses.push(...(await Promise.all(Array.from({ length: BURST }, post))));
      await pause(ms);
    }
    assert.deepEqual([...new Set(statuses)], [301]);
  });
});
