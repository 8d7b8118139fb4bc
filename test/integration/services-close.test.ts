/** A service that fails to close keeps no other from closing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readServeConfig } from '../../src/config/serve-config.ts';
import { createApp } from '../../src/kernel/assembly/app.ts';
import { FeatureList } from '../../src/kernel/feature.ts';
import type { Service } from '../../src/kernel/installation.ts';

test('services close in the reverse order, also after one that fails', async () => {
  const closed: string[] = [];
  const services: readonly Service[] = ['first', 'second', 'third'].map((name) => ({
    close: () => {
      closed.push(name);
      if (name === 'second') throw new Error('it cannot close');
    },
  }));
  const features = new FeatureList([
    { feature: { name: 'three', install: (server) => services.forEach(server.service) }, adds: 'three services' },
  ]);
  const model = '--model=m=examples/half_plus_two/models/half_plus_two';
  const args = [model, '--port=0', '--rest_api_port=0', '--admin_port=0', '--log_level=silent'];
  const { config } = readServeConfig({ args, environment: {}, features });
  const app = createApp({ config: config!, environment: {}, features });
  await app.start();
  await app.drain();
  assert.deepEqual(closed, ['third', 'second', 'first']);
});
