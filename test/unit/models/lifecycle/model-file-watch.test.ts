import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { FileResult } from '../../../../src/config/config-file.ts';
import { textProtoModelFile } from '../../../../src/config/model-file.ts';
import type { FileWatch } from '../../../../src/files/file-watch.ts';
import { watchModelFile } from '../../../../src/models/lifecycle/model-file-watch.ts';
import { modelsText } from '../../../support/config-files.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const START = modelsText({ a: '' });
const POLL_MS = 60_000;

/** A watch over a file that the test holds, and a reloader that answers when told. */
class Watched {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly reloads: string[][] = [];
  readonly watch: FileWatch;
  content: string | Error = START;
  reload: () => Promise<void> = async () => undefined;
  looks = 0;

  constructor(pollMs = POLL_MS) {
    const log = (what: string) => (detail: unknown) => void this.log.push(`${what}: ${String(detail)}`);
    this.watch = watchModelFile({
      file: textProtoModelFile('models.config', Buffer.from(START), { executionProvider: 'cpu' }),
      pollMs,
      clock: this.clock,
      reloader: {
        reload: (models) => {
          this.reloads.push(models.map(({ name }) => name));
          return this.reload();
        },
      },
      events: {
        onReloaded: log('reloaded'),
        onInvalid: log('invalid'),
        onRefused: log('refused'),
        onWarning: log('warning'),
      },
      load: async (): Promise<FileResult> => {
        this.looks += 1;
        const { content } = this;
        return content instanceof Error ? { error: content.message, isMissing: true } : { bytes: Buffer.from(content) };
      },
    });
    this.watch.start();
  }

  /** Lets time pass, and what it set off come to its end. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}

describe('ModelFileWatch', () => {
  it('leaves the models alone while the file is as it was', async () => {
    const watched = new Watched();
    for (let i = 0; i < 3; i++) await watched.pass(POLL_MS);
    assert.equal(watched.looks, 3);
    assert.deepEqual([watched.reloads, watched.log], [[], []]);
  });

  it('takes a new content once two looks, a second apart, agree', async () => {
    const watched = new Watched();
    watched.content = modelsText({ a: '', b: '' });
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.reloads, []);
    await watched.pass(1000);
    assert.deepEqual(watched.reloads, [['a', 'b']]);
    assert.deepEqual(watched.log, ['reloaded: a,b']);
    await watched.pass(POLL_MS);
    assert.equal(watched.reloads.length, 1);
  });

  it('waits for a file that is still being written', async () => {
    const watched = new Watched();
    const whole = `model_config_list {}\n# models: ${'x'.repeat(50)}`;
    await watched.pass(POLL_MS - 1000);
    for (const length of [0, 30, 40, 50]) {
      watched.content = whole.slice(0, length);
      await watched.pass(1000);
    }
    // Every one of these parses, but for the first; none was taken.
    assert.deepEqual([watched.reloads, watched.log], [[], []]);
    watched.content = whole;
    await watched.pass(1000);
    await watched.pass(1000);
    assert.deepEqual(watched.reloads, [[]]);
  });

  it('keeps the models when the new content is wrong, and says so once', async () => {
    const watched = new Watched();
    watched.content = 'model_config_list { confg {} }';
    for (let i = 0; i < 4; i++) await watched.pass(POLL_MS);
    assert.deepEqual(watched.reloads, []);
    assert.deepEqual(watched.log, [
      'invalid: models.config:1:21: tensorflow.serving.ModelConfigList has no field "confg"; did you mean "config"?',
    ]);
    watched.content = modelsText({ c: '' });
    await watched.pass(POLL_MS);
    await watched.pass(1000);
    assert.deepEqual(watched.reloads, [['c']]);
  });

  it('says once that the reloader refused a list, and does not press it', async () => {
    const watched = new Watched();
    watched.reload = async () => Promise.reject(new Error('no version 7'));
    watched.content = modelsText({ b: '' });
    for (let i = 0; i < 4; i++) await watched.pass(POLL_MS);
    assert.equal(watched.reloads.length, 1);
    assert.deepEqual(watched.log, ['refused: Error: no version 7']);
  });

  it('goes back to an older content', async () => {
    const watched = new Watched();
    for (const content of [modelsText({ b: '' }), START]) {
      watched.content = content;
      await watched.pass(POLL_MS);
      await watched.pass(1000);
    }
    assert.deepEqual(watched.reloads, [['b'], ['a']]);
  });

  it('keeps the models while the file is gone, says so once, and goes on when it is back', async () => {
    const watched = new Watched();
    watched.content = new Error('models.config: there is no such file');
    await watched.pass(POLL_MS);
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.log, ['invalid: models.config: there is no such file']);
    watched.content = START;
    await watched.pass(POLL_MS);
    await watched.pass(1000);
    assert.deepEqual(watched.reloads, []);
  });

  it('looks again only when a reload has ended', async () => {
    const watched = new Watched();
    let end = (): void => undefined;
    watched.reload = () =>
      new Promise((resolve) => {
        end = resolve;
      });
    watched.content = modelsText({ b: '' });
    await watched.pass(POLL_MS);
    await watched.pass(1000);
    assert.equal(watched.looks, 2);
    await watched.pass(POLL_MS * 5);
    assert.equal(watched.looks, 2);
    end();
    await watched.pass(0);
    await watched.pass(POLL_MS);
    assert.equal(watched.looks, 3);
  });

  it('takes no second where polls are quicker', async () => {
    const watched = new Watched(100);
    watched.content = modelsText({ b: '' });
    await watched.pass(100);
    await watched.pass(100);
    assert.deepEqual(watched.reloads, [['b']]);
  });

  it('takes the file as it is when asked, changed or not, and says each time what is wrong with it', async () => {
    const watched = new Watched(0);
    assert.equal(watched.clock.armed, 0);
    await watched.watch.reread();
    watched.content = modelsText({ a: '', b: '' });
    await watched.watch.reread();
    assert.deepEqual(watched.reloads, [['a'], ['a', 'b']]);
    watched.content = new Error('gone');
    await watched.watch.reread();
    await watched.watch.reread();
    assert.deepEqual(watched.log.slice(2), ['invalid: gone', 'invalid: gone']);
    assert.equal(watched.clock.armed, 0);
    watched.watch.stop();
    await watched.watch.reread();
    assert.equal(watched.looks, 4);
  });

  it('when asked waits for the look that goes on', async () => {
    const watched = new Watched();
    let done = (): void => undefined;
    watched.reload = () => new Promise((resolve) => (done = resolve));
    const first = watched.watch.reread();
    const second = watched.watch.reread();
    await watched.pass(0);
    assert.equal(watched.looks, 1);
    watched.reload = async () => undefined;
    done();
    await Promise.all([first, second]);
    assert.equal(watched.looks, 2);
    await watched.pass(POLL_MS);
    assert.deepEqual(watched.reloads, [['a'], ['a']]);
  });

  it('leaves nothing armed once stopped, and takes nothing that was being read', async () => {
    const watched = new Watched();
    watched.content = modelsText({ b: '' });
    await watched.pass(POLL_MS);
    watched.clock.advance(1000);
    watched.watch.stop();
    await watched.pass(POLL_MS);
    assert.deepEqual([watched.reloads, watched.clock.armed], [[], 0]);
  });
});
