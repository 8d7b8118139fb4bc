import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { serveOptions } from '../../../src/config/options/serve-options.ts';
import { configDump, withoutSecrets } from '../../../src/features/envoy-admin/config-dump.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { readConfig } from '../../support/config-files.ts';
import { hasFeature } from '../../support/has-feature.ts';

const SCHEMES = ['http', 'https', 'grpc', 'postgres', 'unix+tls'];
/** Longer than what a text could hold by chance, and of characters that URLs allow. */
const SECRET = fc.stringMatching(/^[A-Za-z0-9!$&*/:;=?@_~%-]{12,24}$/);
const NAMES = Object.keys(serveOptions(FEATURES));

it('no text keeps the user or the query of a URL, wherever it stands', () => {
  const parts = fc.record({ scheme: fc.constantFrom(...SCHEMES), user: SECRET, key: SECRET, before: fc.string() });
  fc.assert(
    fc.property(parts, ({ scheme, user, key, before }) => {
      const text = `${before} ${scheme}://me:${user}@host:8080/path?key=${key.replaceAll('@', '')}`;
      const dumped = JSON.stringify(withoutSecrets({ a: [text], [text]: { b: text } }));
      assert.ok(!dumped.includes(user), dumped);
      assert.ok(!dumped.includes(`key=${key.replaceAll('@', '')}`), dumped);
      assert.ok(dumped.includes('host:8080/path') || user.includes('?') || user.includes('/'));
    }),
  );
});

it('whatever option has a URL, the dump has it without user and query', () => {
  const { config, errors } = readConfig(['--model=m=/models/m', '--port=0']);
  assert.ok(config !== undefined, errors?.join('\n'));
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), SECRET, (name, secret) => {
      const url = `https://user:${secret}@example.test/x`;
      const planted = {
        ...config,
        options: { ...config.options, [name]: [url] },
        warnings: [`${name}=${url} has no effect`],
        modelsFrom: url,
        adminToken: secret,
        facts: { secret } as never,
        tls: { config: { verifyClient: false, key: secret } } as never,
      };
      assert.ok(!JSON.stringify(configDump(planted, [])).includes(secret));
    }),
  );
});

it('has each option with its source, the files that are read, and the models of now', () => {
  const log = hasFeature('audit') ? ['--audit_log_file=/x'] : [];
  const { config } = readConfig(['--model=m=/models/m,slo_ms=20', ...log], { PILLION_PORT: '0' });
  const dump = configDump(config!, config!.models) as Record<string, unknown>;
  const options = dump['options'] as Record<string, unknown>;
  assert.deepEqual(options['port'], { value: 0, from: 'environment PILLION_PORT' });
  assert.deepEqual(options['log_level'], { value: 'info', from: 'default' });
  assert.deepEqual(dump['files'], {});
  assert.equal((dump['models'] as { slo_ms: number }[])[0]!.slo_ms, 20);
  assert.equal(dump['models_from'], '--model');
});
