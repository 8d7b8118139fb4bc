/**
 * Connections to an application that ends idle ones after 2 s, as gunicorn does, at the worst moment: whatever comes on one
 * that has been idle for so long meets its end.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../../../src/core/clock.ts';
import { FrontedApp } from '../fronted-app.ts';

const KEPT_MS = 2000;

/** The statuses of two requests, the second of which comes when the connection of the first has been idle for so long. */
async function twoApart(ms: number): Promise<readonly number[]> {
  const fronted = await new FrontedApp().start();
  const idleSince = new WeakMap<Socket, number>();
  fronted.onRequest = (request, response) => {
    const { socket } = request;
    if (systemClock.nowMs() - (idleSince.get(socket) ?? Infinity) >= KEPT_MS) {
      socket.resetAndDestroy();
      return;
    }
    request.resume().once('end', () => {
      response.end('ok');
      idleSince.set(socket, systemClock.nowMs());
    });
  };
  const ask = async (): Promise<number> => (await fetch(`${fronted.url}/`, { method: 'POST', body: 'x' })).status;
  const first = await ask();
  await pause(ms);
  const second = await ask();
  await fronted.close();
  return [first, second];
}

test('no request is lost by the end of an idle connection', async () => {
  const statuses = await Promise.all([500, 1000, 1450, 1600, 2000, 2100, 2500, 3500].map(twoApart));
  assert.deepEqual([...new Set(statuses.flat())], [200]);
});
