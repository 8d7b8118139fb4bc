/** `--app_health_path`: when the application counts as well. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { parseAppAddress } from '../../src/proxy/fronting/app-address.ts';
import { AppHealth } from '../../src/proxy/fronting/app-health.ts';

/** Also the most that an answer may take. */
const INTERVAL_MS = 100;

test('one good answer makes well, three bad ones in a row do not', async () => {
  const answers = [503, 204, 500, 500, 200, 404, 404, 404];
  let asked = 0;
  const server = createServer((request, response) => {
    assert.equal(request.url, '/healthz?x');
    response.writeHead(answers[asked] ?? 404).end('…');
    asked += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const changes: (readonly [boolean, number, string])[] = [];
  await new Promise<void>((resolve) => {
    const health = new AppHealth({
      clock: systemClock,
      address: parseAppAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
      path: '/healthz?x',
      intervalMs: INTERVAL_MS,
      onChange: (isWell, why) => {
        changes.push([isWell, asked, why]);
        if (isWell) return;
        health.close();
        resolve();
      },
    });
    health.start();
  });
  assert.deepEqual(changes, [
    [true, 2, 'status 204'],
    [false, 8, 'status 404'],
  ]);
  await new Promise((resolve) => server.close(resolve));
});
