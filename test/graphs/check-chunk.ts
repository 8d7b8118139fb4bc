/**
 * Checks some graphs of a seed in a process of its own, which a fault of the runtime may end. Words: the seed, the
 * numbers of the first graph and of the one behind the last, and a file that always has the number of the graph that is
 * checked. What it finds goes to its parent.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { checkGraph } from './check-graph.ts';
import { mixedSeed } from './draw.ts';
import { type ChunkReport, checkedText, fateOf } from './fate.ts';

const [seed, from, to, progress] = process.argv.slice(2) as [string, string, string, string];
const file = openSync(progress, 'w');
for (let number = Number(from); number < Number(to); number++) {
  writeSync(file, String(number).padEnd(12), 0);
  const checked = await checkGraph(mixedSeed(Number(seed), number), `${progress}.onnx`);
  const fate = fateOf(checked);
  const text = fate === 'rows, WRONG' ? checkedText(checked) : undefined;
  process.send!({ number, fate, ops: checked.graph.ops, text } satisfies ChunkReport);
}
closeSync(file);
process.disconnect();
