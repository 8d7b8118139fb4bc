/** When changed files of key and certificates are taken, on files in memory. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { TestContext } from 'node:test';
import { describe, it } from 'node:test';
import { isoTime } from '../../../../src/core/clock.ts';
import { SOON_MS } from '../../../../src/core/poller.ts';
import type { FileWatch } from '../../../../src/files/file-watch.ts';
import { watchCertificates } from '../../../../src/proxy/net/certificate-watch.ts';
import { ConfigFiles, configOf } from '../../../support/config-files.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { turn } from '../../../support/model-lifecycle-harness.ts';
import { type KeyAndCert, selfSigned } from '../../../support/self-signed.ts';

const POLL_MS = 10_000;
const [FIRST, SECOND, THIRD] = [selfSigned('first'), selfSigned('second'), selfSigned('third')];

class Watched {
  readonly clock = new FakeClock();
  readonly files = new Map<string, string>();
  /** What has happened: "applied CN", or the errors of a refusal. */
  readonly events: string[] = [];
  /** Called before each file is read. */
  onRead = (): void => undefined;
  fails = false;
  readonly watch: FileWatch;
  readonly #paths: readonly [key: string, cert: string];

  constructor(t: TestContext) {
    const files = new ConfigFiles(t);
    this.#paths = [files.write('key', FIRST.key), files.write('cert', FIRST.cert)];
    this.set(FIRST);
    const flags = ['--model_base_path=/m', `--tls_key_file=${this.#paths[0]}`, `--tls_cert_file=${this.#paths[1]}`];
    this.watch = watchCertificates({
      start: configOf(flags).tls!,
      pollMs: POLL_MS,
      clock: this.clock,
      apply: () => {
        if (this.fails) throw new Error('no server takes them');
      },
      load: async (path) => {
        this.onRead();
        const text = this.files.get(path);
        return text === undefined ? { error: `${path}: gone`, isMissing: true } : { bytes: Buffer.from(text) };
      },
      events: {
        onApplied: ({ serverCert }) => this.events.push(`applied ${nameOf(serverCert)}`),
        onRefused: (errors) => this.events.push(...errors),
        onUnchanged: () => this.events.push('unchanged'),
      },
    });
    this.watch.start();
  }

  set({ key, cert }: Partial<KeyAndCert>): void {
    if (key !== undefined) this.files.set(this.#paths[0], key);
    if (cert !== undefined) this.files.set(this.#paths[1], cert);
  }

  async pass(ms: number): Promise<void> {
    await turn();
    this.clock.advance(ms);
    await turn();
  }
}

const nameOf = (cert: string): string =>
  [FIRST, SECOND, THIRD].map((each, i) => (each.cert === cert ? ['first', 'second', 'third'][i] : '')).join('');

describe('CertificateWatch', () => {
  it('takes what two looks have found, the second soon after the first', async (t) => {
    const watched = new Watched(t);
    await watched.pass(POLL_MS);
    watched.set(SECOND);
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.events, []);
    await watched.pass(SOON_MS);
    assert.deepEqual(watched.events, ['applied second']);
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.events, ['applied second']);
  });

  it('waits for a writer who copies one file after the other', async (t) => {
    const watched = new Watched(t);
    await watched.pass(0);
    watched.set({ key: SECOND.key });
    await watched.pass(POLL_MS);
    watched.set({ cert: SECOND.cert });
    await watched.pass(SOON_MS);
    await watched.pass(SOON_MS);
    assert.deepEqual(watched.events, ['applied second']);
  });

  it('takes no key and certificate of two revisions, also when asked in the middle of a change', async (t) => {
    const watched = new Watched(t);
    let reads = 0;
    watched.onRead = () => {
      reads += 1;
      if (reads === 2) watched.set(SECOND);
      if (reads === 4) watched.set(THIRD);
    };
    await turn();
    reads = 0;
    await watched.watch.reread();
    assert.deepEqual(watched.events, ['applied third']);
  });

  it('says once what it refuses, and each time when asked', async (t) => {
    const watched = new Watched(t);
    watched.set({ key: SECOND.key });
    for (let i = 0; i < 4; i++) await watched.pass(POLL_MS);
    assert.equal(watched.events.length, 1);
    assert.match(watched.events[0]!, /is not the key of the first certificate/);
    await watched.watch.reread();
    assert.equal(watched.events.length, 2);
    watched.files.clear();
    for (let i = 0; i < 4; i++) await watched.pass(POLL_MS);
    assert.equal(watched.events.length, 4);
    assert.match(watched.events[3]!, /gone$/);
    watched.set(FIRST);
    for (let i = 0; i < 4; i++) await watched.pass(POLL_MS);
    await watched.watch.reread();
    assert.deepEqual(watched.events.slice(4), ['unchanged']);
  });

  it('takes a certificate once it is valid', async (t) => {
    const watched = new Watched(t);
    const from = isoTime(watched.clock.wallMs() + 3 * POLL_MS).replace(/^..|[-:T]|\.\d+/g, '');
    const young = selfSigned('young', { from });
    watched.set(young);
    for (let i = 0; i < 2; i++) await watched.pass(POLL_MS);
    assert.match(String(watched.events), /^the server’s certificate is not valid before [^,]*$/);
    for (let i = 0; i < 3; i++) await watched.pass(POLL_MS);
    assert.equal(watched.events[1], 'applied ');
    assert.equal(watched.events.length, 2);
  });

  it('goes on when new ones cannot be applied, and looks no more once stopped', async (t) => {
    const watched = new Watched(t);
    watched.fails = true;
    watched.set(SECOND);
    await watched.watch.reread();
    assert.deepEqual(watched.events, ['no server takes them']);
    watched.fails = false;
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.events, ['no server takes them', 'applied second']);
    watched.watch.stop();
    watched.set(THIRD);
    await watched.watch.reread();
    for (let i = 0; i < 3; i++) await watched.pass(POLL_MS);
    assert.equal(watched.events.length, 2);
  });
});
