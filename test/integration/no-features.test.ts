/** The kernel compiles and passes its tests without the folder of any feature. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TreeWithout } from '../support/tree-without.ts';

it('the kernel passes its tests without any feature', async (t) => {
  const tree = new TreeWithout(t);
  await t.test('in a copy of the tree', (each) => {
    tree.leaveOut(each, tree.names);
    assert.equal(tree.compile(), '');
    assert.equal(tree.failuresOfCore(), '');
  });
});
