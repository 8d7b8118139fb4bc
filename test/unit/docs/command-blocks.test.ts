/** Each block of commands in the pages is run by a test, or says why not (test/support/doc-blocks.ts). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { blocksOf, type DocBlock, pages } from '../../support/doc-blocks.ts';

const BLOCKS = pages().flatMap(blocksOf);
const SHELLS = /^(?:sh|bash|shell|console)\b/;
/** How a block begins that is commands, whatever it says of itself. */
const COMMAND =
  /^(?:\$ |\(umask|[A-Z_]+=\S+ )?(?:npm|npx|node|bin\/pillion|pillion|curl|podman|docker|kubectl|helm|python3?|pip|git|cp|systemctl|openssl|grpcurl|perf_analyzer)\s/;
const MARK = /^sh (?:run(?: until)?|by: (?<by>.+)|not run: (?<why>.+))$/;

const isShown = ({ page, line, info }: DocBlock): string => `${page}:${line}: ${info ?? 'indented'}`;

describe('the commands in the pages', () => {
  it('have a mark that says who runs them', () => {
    const commands = BLOCKS.filter(({ info, text }) => SHELLS.test(info ?? '') || COMMAND.test(text));
    assert.ok(commands.length > 60);
    assert.deepEqual(commands.filter(({ info }) => !MARK.test(info ?? '')).map(isShown), []);
  });

  it('name tests and suites that are there', async () => {
    const { SUITES } = await import(pathToFileURL(resolve('scripts/lib/suites.mjs')).href);
    const isThere = (by: string): boolean => {
      const suite = /^npm test -- (\S+)$/.exec(by)?.[1];
      return suite === undefined ? existsSync(by) : Object.hasOwn(SUITES, suite);
    };
    const missing = BLOCKS.filter(({ info }) => {
      const by = MARK.exec(info ?? '')?.groups?.['by'];
      return by !== undefined && !isThere(by);
    });
    assert.deepEqual(missing.map(isShown), []);
  });
});
