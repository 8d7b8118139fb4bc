/** The commands of the pages that are marked `run` do what the pages say (test/support/doc-blocks.ts). */
import { after, describe, it } from 'node:test';
import { blocksOf, pages } from '../support/doc-blocks.ts';
import { DocCommands } from '../support/doc-commands.ts';
import { killSidecars } from '../support/sidecar.ts';

after(killSidecars);

describe('the commands in the pages', () => {
  const runs = pages().filter((page) => blocksOf(page).some(({ info }) => info?.startsWith('sh run')));
  for (const page of runs) {
    it(`of ${page} do what it says`, async (t) => {
      const commands = new DocCommands(t);
      await commands.run(page);
      await commands.stop();
    });
  }
});
