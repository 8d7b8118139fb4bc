/** Models whose shapes allow inputs of any size: what is run to measure and to prove them stays small, and is soon over. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { type GraphDims, graphModel, node } from '../support/onnx-graph.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const INT64 = 7;
/** Of the server after its start, with ONNX Runtime and its threads. */
const MOST_RESIDENT_MIB = 400;

afterEach(killSidecars);

/** A model that turns texts into numbers; it refuses all that are none. */
function writeCast(directory: string, dims: GraphDims): string {
  const graph = graphModel({
    inputs: { text: { type: 'string', dims } },
    outputs: { numbers: { type: 'int64', dims } },
    nodes: [node('Cast', 'text', 'numbers', { to: INT64 })],
  });
  mkdirSync(join(directory, '1'), { recursive: true });
  writeFileSync(join(directory, '1', 'model.onnx'), graph);
  return directory;
}

function mostResidentMiB(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

describe('a model of text', { skip: process.platform !== 'linux' }, () => {
  const cases: readonly (readonly [string, GraphDims])[] = [
    ['with many free dims', ['b', 'n', 'm', 'k', 8, 'l']],
    ['whose row is huge', ['b', 3000, 1000]],
  ];
  for (const [what, dims] of cases) {
    it(`${what} is loaded in no time and little memory, and answers`, async (t) => {
      const directory = writeCast(join(tempDirectory(t), 'cast'), dims);
      const sidecar = await startSidecar([...DIGITS, `--model=cast=${directory}`]);
      const resident = mostResidentMiB(sidecar.process.pid!);
      assert.ok(resident < MOST_RESIDENT_MIB, `${resident} MiB`);
      if (dims.length === 6) {
        const instances = [[[[[['7'], ['8'], ['9'], ['10'], ['11'], ['12'], ['13'], ['14']]]]]];
        const body = JSON.stringify({ instances });
        const answer = await fetch(`${sidecar.rest}/v1/models/cast:predict`, { method: 'POST', body });
        const { predictions } = (await answer.json()) as { predictions: unknown };
        assert.deepEqual(predictions, [[[[[[7], [8], [9], [10], [11], [12], [13], [14]]]]]]);
      }
      assert.equal(await sidecar.stop(), 0);
    });
  }
});
