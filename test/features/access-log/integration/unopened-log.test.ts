/** A server whose access log cannot be opened says so, and is drained all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../../../../src/api/pillion.ts';

test('a server does not start without its access log, and drains', async () => {
  const quiet = { port: 0, rest_api_port: 0, admin_port: 0, log_level: 'silent' };
  const broken = createApp(
    { ...quiet, model: 'digits=examples/digits/models/digits', access_log: '/proc/none/access.log' },
    {},
  );
  await assert.rejects(broken.start(), /--access_log=\/proc\/none\/access\.log/);
  await broken.drain();
});
