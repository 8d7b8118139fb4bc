/** All else compiles and passes its tests without the folder of a feature, its tests and its line in src/pillion.ts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FEATURES } from '../../src/pillion.ts';
import { TreeWithout } from '../support/tree-without.ts';

/** Tests that read the list of features and start no server in a process of its own. */
const TESTS = ['unit', 'features'];

it('all else passes without a feature', async (t) => {
  const tree = new TreeWithout(t);
  assert.equal(tree.compile(), '');
  for (const name of tree.names) {
    await t.test(`without ${name}`, (each) => {
      tree.leaveOut(
        each,
        FEATURES.without(name).absent.map((feature) => feature.name),
      );
      assert.equal(tree.compile(), '');
      assert.equal(tree.failuresOf(TESTS), '');
    });
  }
});

it('the kernel passes its tests without any feature', async (t) => {
  const tree = new TreeWithout(t);
  await t.test('in a copy of the tree', (each) => {
    tree.leaveOut(each, tree.names);
    assert.equal(tree.compile(), '');
    assert.equal(tree.failuresOfCore(), '');
  });
});
