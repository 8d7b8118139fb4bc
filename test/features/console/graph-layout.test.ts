import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NODE, placeGraph } from '../../../src/features/console/ui/reports/graph-layout.ts';

const nodes = (...titles: readonly string[]) => titles.map((title) => ({ title }));

test('each node is below all that lead to it, and none lies on another', () => {
  const placed = placeGraph({
    title: '',
    nodes: nodes('request', 'a', 'b', 'c', 'answer'),
    edges: [
      { from: 0, to: 1, label: 'x' },
      { from: 0, to: 2, label: 'x' },
      { from: 1, to: 3, label: 'p' },
      { from: 2, to: 3, label: 'q' },
      { from: 2, to: 4, label: 'r' },
      { from: 3, to: 4, label: 's' },
    ],
  });
  const [request, a, b, c, answer] = placed.nodes;
  assert.ok(request!.y < a!.y && a!.y < c!.y && c!.y < answer!.y);
  assert.equal(a!.y, b!.y);
  assert.ok(Math.abs(a!.x - b!.x) >= NODE.width);
  for (const { x, y } of placed.nodes) {
    assert.ok(x >= 0 && x + NODE.width <= placed.width && y >= 0 && y + NODE.height <= placed.height);
  }
});

test('a line to a later layer passes beside the nodes between', () => {
  const edges = [
    { from: 0, to: 1, label: 'x' },
    { from: 1, to: 2, label: 'y' },
    { from: 0, to: 2, label: 'other' },
  ];
  const { nodes: placed, edges: lines } = placeGraph({ title: '', nodes: nodes('a', 'b', 'c'), edges });
  const numbers = lines[2]!.path.match(/[\d.]+/g)!.map(Number);
  const [, b] = placed;
  // The second line begins where the first curve has ended: at the place that it has in the layer of b.
  const x = numbers[6]!;
  assert.ok(x > b!.x + NODE.width || x < b!.x, `${x} beside ${b!.x}`);
});

test('tensors between the same two steps share one line', () => {
  const edges = ['p', 'q'].map((label) => ({ from: 0, to: 1, label }));
  const placed = placeGraph({ title: '', nodes: nodes('a', 'b'), edges });
  assert.deepEqual(
    placed.edges.map(({ label }) => label),
    ['p, q'],
  );
});

test('a graph of one node has a place', () => {
  const { width, height, nodes: found } = placeGraph({ title: '', nodes: nodes('alone'), edges: [] });
  assert.ok(width >= NODE.width && height >= NODE.height && found.length === 1);
});
