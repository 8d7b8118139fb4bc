/** When contents count, on files in memory; its users' tests show it through them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { hashOf } from '../../../src/files/content-hash.ts';
import { FileWatch } from '../../../src/files/file-watch.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { turn } from '../../support/model-lifecycle-harness.ts';

const POLL_MS = 10_000;
const SETTLE_MS = 500;

class Watched {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly files = new Map<string, string>([['a', 'one']]);
  /** Why contents are refused. */
  refusal: string | undefined;
  reads = 0;
  /** Called before each file is read. */
  onRead = (): void => undefined;
  readonly watch: FileWatch;

  constructor({ paths = ['a'], pollMs = POLL_MS } = {}) {
    this.watch = new FileWatch({
      known: { paths, hash: hashOf(paths.map((path) => Buffer.from(this.files.get(path) ?? ''))) },
      pollMs,
      settleMs: SETTLE_MS,
      clock: this.clock,
      load: async (path) => {
        this.reads += 1;
        this.onRead();
        const text = this.files.get(path);
        return text === undefined ? { error: `${path} is gone` } : { bytes: Buffer.from(text) };
      },
      take: async ({ contents, isAsked }) => {
        this.events.push(`${isAsked ? 'asked' : 'new'} ${contents.join(' ')}`);
        return this.refusal === undefined ? [] : [this.refusal];
      },
      onInvalid: (errors) => this.events.push(...errors),
    });
    this.watch.start();
  }

  async pass(...steps: readonly number[]): Promise<readonly string[]> {
    for (const ms of steps) {
      this.clock.advance(ms);
      await turn();
    }
    return this.events.splice(0);
  }
}

describe('FileWatch', () => {
  it('hands over what two looks have found, and looks first after an interval', async () => {
    const watched = new Watched();
    await watched.pass(POLL_MS - 1);
    assert.equal(watched.reads, 0);
    watched.files.set('a', 'ha');
    assert.deepEqual(await watched.pass(1), []);
    watched.files.set('a', 'half');
    assert.deepEqual(await watched.pass(SETTLE_MS), []);
    watched.files.set('a', 'whole');
    assert.deepEqual(await watched.pass(SETTLE_MS, SETTLE_MS), ['new whole']);
    assert.deepEqual(await watched.pass(POLL_MS, POLL_MS), []);
  });

  it('hands over what was refused at each look, and tells each reason once', async () => {
    const watched = new Watched();
    watched.files.set('a', 'two');
    watched.refusal = 'not valid yet';
    assert.deepEqual(await watched.pass(POLL_MS, SETTLE_MS), ['new two', 'not valid yet']);
    assert.deepEqual(await watched.pass(POLL_MS), ['new two']);
    watched.refusal = 'expired';
    assert.deepEqual(await watched.pass(POLL_MS), ['new two', 'expired']);
    watched.refusal = undefined;
    assert.deepEqual(await watched.pass(POLL_MS, POLL_MS), ['new two']);
  });

  it('hands over nothing for a file that is gone and comes back as it was, and tells it once', async () => {
    const watched = new Watched();
    watched.files.delete('a');
    assert.deepEqual(await watched.pass(POLL_MS, SETTLE_MS, POLL_MS), ['a is gone']);
    watched.files.set('a', 'one');
    assert.deepEqual(await watched.pass(POLL_MS, POLL_MS), []);
    watched.files.delete('a');
    assert.deepEqual(await watched.pass(POLL_MS, SETTLE_MS), ['a is gone']);
  });

  it('hands over at once when asked, also what is known, and tells each time what is wrong', async () => {
    const watched = new Watched({ pollMs: 0 });
    assert.equal(watched.clock.armed, 0);
    await watched.watch.reread();
    watched.files.set('a', 'two');
    watched.refusal = 'wrong';
    for (let i = 0; i < 2; i++) await watched.watch.reread();
    assert.deepEqual(watched.events, ['asked one', 'asked two', 'wrong', 'asked two', 'wrong']);
    assert.equal(watched.clock.armed, 0);
  });

  it('follows other files when told, as a file may name another', async () => {
    const watched = new Watched();
    watched.files.set('b', 'three');
    watched.watch.follow({ paths: ['a', 'b'], hash: hashOf([Buffer.from('one'), Buffer.from('three')]) });
    assert.deepEqual(await watched.pass(POLL_MS), []);
    watched.files.set('b', 'four');
    assert.deepEqual(await watched.pass(POLL_MS, SETTLE_MS), ['new one four']);
  });

  it('reads several files until two reads in a row are equal, but not for ever', async () => {
    const watched = new Watched({ paths: ['a', 'b'] });
    let writes = 0;
    watched.onRead = () => {
      if (writes < 3) watched.files.set('b', String(writes++));
    };
    await watched.watch.reread();
    assert.deepEqual(watched.events, ['asked one 2']);
    watched.reads = 0;
    watched.onRead = () => watched.files.set('b', String(writes++));
    await watched.watch.reread();
    assert.equal(watched.reads, 10);
    assert.equal(watched.events.length, 2);
  });

  it('hands nothing over once stopped, not even what was being read', async () => {
    const watched = new Watched();
    watched.files.set('a', 'two');
    await watched.pass(POLL_MS);
    watched.clock.advance(SETTLE_MS);
    watched.watch.stop();
    assert.deepEqual(await watched.pass(POLL_MS), []);
    await watched.watch.reread();
    assert.deepEqual([watched.events, watched.clock.armed], [[], 0]);
  });
});
