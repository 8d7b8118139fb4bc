/** Decides whether the graph of a SavedModel keeps the rows of a signature apart. It is read without TensorFlow. */
import { readFile, stat } from 'node:fs/promises';
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import { servingGraph } from '../load-saved-model.ts';
import { readSavedModel } from '../saved-model-file.ts';
import { type JudgedTensor, judgeTfGraph } from './judge-graph.ts';
import { readGraphDef } from './saved-model-graph.ts';

/** Weights are in files of their own, unless they are constants of the graph: its file is read whole. */
const MOST_BYTES = 256 * 2 ** 20;

/** Rejects for a file that cannot be read; else as `judgeTfGraph`. */
export async function judgeSavedModel(file: string, signatureName: string, axes?: BatchAxes): Promise<RowVerdict> {
  const { size } = await stat(file);
  if (size > MOST_BYTES) return { kind: 'undecided', reason: `it has ${size} bytes, more than ${MOST_BYTES}` };
  const { signatures, graphDef } = servingGraph(file, readSavedModel(await readFile(file)));
  const signature = signatures.get(signatureName);
  if (signature === undefined) return { kind: 'undecided', reason: `it has no signature "${signatureName}"` };
  const tensors = (infos: typeof signature.inputs): ReadonlyMap<string, JudgedTensor> =>
    new Map([...infos].map(([name, { tensorName = '', shape }]) => [name, { tensorName, shape }]));
  const judged = { inputs: tensors(signature.inputs), outputs: tensors(signature.outputs) };
  return judgeTfGraph(await readGraphDef(graphDef), judged, axes);
}
