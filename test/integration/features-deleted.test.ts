/** All else compiles and passes its tests without the folders of features, their tests and their lines in src/pillion.ts. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { it } from 'node:test';
import { FEATURES } from '../../src/pillion.ts';
import { TreeWithout } from '../support/tree-without.ts';

/** Tests that read the list of features and start no server in a process of its own. */
const TESTS = ['unit', 'features'];

/** How many are deleted at once; `npm test -- deletions` deletes each by itself. Neighbours in the list never go together. */
const AT_ONCE = Number(process.env['PILLION_TEST_DELETED_AT_ONCE'] ?? 8);

it('all else passes without some features', async (t) => {
  const tree = new TreeWithout(t);
  assert.equal(tree.compile(), '');
  const groups = Math.ceil(tree.names.length / AT_ONCE);
  for (let group = 0; group < groups; group += 1) {
    const named = tree.names.filter((_name, index) => index % groups === group);
    const absent = FEATURES.without(...named).absent.map((feature) => feature.name);
    await t.test(`without ${absent.join(', ')}`, (each) => {
      tree.leaveOut(each, absent);
      assert.equal(tree.compile(), '');
      assert.equal(tree.failuresOf(TESTS), '');
    });
  }
});
