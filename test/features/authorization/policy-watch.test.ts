import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { newKey } from '../../../src/cli/key.ts';
import type { FileResult } from '../../../src/config/config-file.ts';
import { openYaml } from '../../../src/config/yaml/yaml-document.ts';
import { readAuthorizationNow } from '../../../src/features/authorization/authorization.ts';
import { watchPolicy } from '../../../src/features/authorization/policy-watch.ts';
import type { FileWatch } from '../../../src/files/file-watch.ts';
import { createIssuer, ISSUER } from '../../support/access-file.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const POLL_MS = 10_000;
const MAY = '{models: [m], methods: [predict]}';

const keyed = (name: string, hash = newKey().hash): string =>
  `principals: [{name: ${name}, keys: ["${hash}"], may: [${MAY}]}]`;
const withTokens = (name: string): string =>
  `jwt: {jwks_file: k.json, issuer: "${ISSUER}", audience: a, algorithms: [ES256]}\n` +
  `principals: [{name: ${name}, tokens: [{sub: x}], may: [${MAY}]}]`;

class Disk {
  readonly clock = new FakeClock();
  readonly files = new Map<string, string>();
  readonly told: string[] = [];
  readonly watch: FileWatch;

  constructor(text: string) {
    this.files.set('/etc/a.yaml', text);
    this.files.set('/etc/k.json', createIssuer().jwks);
    const read = (path: string): FileResult => {
      const found = this.files.get(path);
      return found === undefined ? { error: `${path}: gone`, isMissing: true } : { bytes: Buffer.from(found) };
    };
    const start = readAuthorizationNow('/etc/a.yaml', { read, openYaml }).authorization!;
    this.watch = watchPolicy({
      path: '/etc/a.yaml',
      start,
      pollMs: POLL_MS,
      clock: this.clock,
      check: ({ rules }) => (rules.principals[0]!.name === 'conflict' ? ['it conflicts'] : []),
      onRead: ({ rules }) => this.told.push(`read ${rules.principals[0]!.name}`),
      onInvalid: (errors) => this.told.push(errors.join()),
      load: (path) => Promise.resolve(read(path)),
    });
    this.watch.start();
  }

  /** Lets so much time pass, and what it has begun end. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('PolicyWatch', () => {
  it('takes a new content once two polls have found it', async () => {
    const disk = new Disk(keyed('a'));
    await disk.pass(POLL_MS);
    disk.files.set('/etc/a.yaml', keyed('half'));
    await disk.pass(POLL_MS);
    disk.files.set('/etc/a.yaml', keyed('whole'));
    await disk.pass(1000);
    assert.deepEqual(disk.told, []);
    await disk.pass(1000);
    assert.deepEqual(disk.told, ['read whole']);
    await disk.pass(POLL_MS);
    await disk.pass(POLL_MS);
    assert.deepEqual(disk.told, ['read whole']);
  });

  it('keeps what it has while the file is wrong or gone, and says so once', async () => {
    const disk = new Disk(keyed('a'));
    const wrong = ['principals: []', undefined, keyed('conflict')];
    for (const text of wrong) {
      if (text === undefined) disk.files.delete('/etc/a.yaml');
      else disk.files.set('/etc/a.yaml', text);
      for (const ms of [POLL_MS, 1000, POLL_MS, POLL_MS]) await disk.pass(ms);
    }
    assert.deepEqual(disk.told, ['/etc/a.yaml:1:13: principals may not be empty', '/etc/a.yaml: gone', 'it conflicts']);
    disk.files.set('/etc/a.yaml', keyed('back'));
    for (const ms of [POLL_MS, 1000]) await disk.pass(ms);
    assert.equal(disk.told.at(-1), 'read back');
  });

  it('watches the keys of JWTs too', async () => {
    const disk = new Disk(withTokens('t'));
    disk.files.set('/etc/k.json', createIssuer().jwks);
    for (const ms of [POLL_MS, 1000]) await disk.pass(ms);
    assert.deepEqual(disk.told, ['read t']);
    disk.files.set('/etc/k.json', '{');
    for (const ms of [POLL_MS, 1000, POLL_MS]) await disk.pass(ms);
    assert.match(disk.told[1]!, /^\/etc\/k\.json: it is no JSON Web Key Set/);
    assert.equal(disk.told.length, 2);
  });

  it('reads at once when asked, also what has not changed, and nothing after its end', async () => {
    const disk = new Disk(keyed('a'));
    await disk.watch.reread();
    assert.deepEqual(disk.told, ['read a']);
    disk.watch.stop();
    disk.files.set('/etc/a.yaml', keyed('b'));
    await disk.watch.reread();
    await disk.pass(POLL_MS * 3);
    assert.deepEqual(disk.told, ['read a']);
  });
});
