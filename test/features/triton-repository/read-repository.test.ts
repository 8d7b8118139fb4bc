/** What is found in model repositories, whatever lies there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  loadRepositories,
  loadRepositoryModel,
  readRepositories,
} from '../../../src/features/triton-repository/config/read-repository.ts';
import { plusConfig, TritonRepository } from '../../support/triton-repository.ts';

const DEFAULTS = { executionProvider: 'cpu' };

describe('the models of a repository', () => {
  it('are refused where config.pbtxt is a pipe, a device, a directory or garbage, and nothing waits', async (t) => {
    const repository = new TritonRepository(t);
    for (const name of ['pipe', 'zeros', 'directory', 'loop', 'garbage', 'huge', 'good']) repository.publish(name, 1);
    const at = (name: string): string => join(repository.directory, name, 'config.pbtxt');
    execFileSync('mkfifo', [at('pipe')]);
    symlinkSync('/dev/zero', at('zeros'));
    mkdirSync(at('directory'));
    symlinkSync('config.pbtxt', at('loop'));
    repository.write(
      'garbage',
      'config.pbtxt',
      Uint8Array.from({ length: 999 }, (_, i) => (i * 7919) & 255),
    );
    repository.write('huge', 'config.pbtxt', '#'.repeat(17 * 2 ** 20));
    repository.write('good', 'config.pbtxt', plusConfig('good'));
    const wanted = [
      ['directory', /is a directory/],
      ['garbage', /is not UTF-8 text/],
      ['good', undefined],
      ['huge', /17825792 bytes are too many/],
      ['loop', /too many symbolic links/],
      ['pipe', /is no file that can be read as a whole/],
      ['zeros', /is no file that can be read as a whole/],
    ] as const;
    for (const { models } of [
      readRepositories([repository.directory], DEFAULTS),
      await loadRepositories([repository.directory], DEFAULTS),
    ]) {
      assert.deepEqual(
        models.map(({ model }) => model.name),
        wanted.map(([name]) => name),
      );
      for (const [i, [, refusal]] of wanted.entries()) {
        const found = models[i]!.model.refusal;
        if (refusal === undefined) assert.equal(found, undefined);
        else assert.match(found!, refusal);
      }
    }
  });

  it('have one place each: a name in two repositories is refused, a link to a directory is a model', async (t) => {
    const [one, two] = [new TritonRepository(t), new TritonRepository(t)];
    one.model('m', plusConfig('m'));
    two.model('m', plusConfig('m'));
    two.model('real', undefined);
    symlinkSync(join(two.directory, 'real'), join(one.directory, 'linked'));
    symlinkSync('nowhere', join(one.directory, 'broken'));
    symlinkSync('itself', join(one.directory, 'itself'));
    mkdirSync(join(one.directory, '.git'));
    one.write('', 'README.md', 'no model');
    const { models, problems } = readRepositories([one.directory, two.directory, one.directory], DEFAULTS);
    assert.deepEqual(
      models.map(({ model }) => model.name),
      ['linked', 'm', 'real'],
    );
    assert.match(models[1]!.model.refusal!, /model "m" is in two repositories/);
    assert.deepEqual(problems, []);
    const found = await loadRepositoryModel([one.directory, two.directory], 'm', DEFAULTS);
    assert.match(found!.model.refusal!, /model "m" is in two repositories/);
  });
});
