/**
 * Loads a directory with saved_model.pb.
 *
 *   saved_model.pb ──▶ tags, signatures (saved-model-file.ts)    TensorFlow ──▶ graph and variables
 *                           └────────────────┬───────────────────────┘
 *                       candidates of batch axes ──▶ session
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchAxis, Signature } from '../../core/signature.ts';
import type { LoadOptions, ProfiledSession, Session } from '../backend.ts';
import { batchAxisCandidate, metadataOf } from '../batch-axis.ts';
import type { RunOps } from '../op-profile.ts';
import { type NativeBinding, openBinding } from './native-binding.ts';
import { type MetaGraph, readSavedModel } from './saved-model-file.ts';
import { fromNative, type OnTracedRun, OpenGraph, SavedModelSession } from './saved-model-session.ts';
import { type PlainSignature, servedSignatures, takesExamples } from './saved-model-signatures.ts';
import { opsIn } from './step-stats.ts';
import { loadFailed, tensorflowText } from './tensorflow-errors.ts';

export const SAVED_MODEL_FILE = 'saved_model.pb';
/** The tag of the graph that is for serving. */
const SERVE_TAG = 'serve';

/** Loads the model so that TensorFlow traces each run. Rejects with `load_failed`. */
export async function loadTracedSavedModel(directory: string, options: LoadOptions): Promise<ProfiledSession> {
  const runs: RunOps[] = [];
  const session = await loadSavedModel(directory, options, (durationMs, metadata) =>
    runs.push({ durationMs, ops: opsIn(metadata) }),
  );
  return Object.assign(session, { endProfile: async () => runs });
}

/** Rejects with `load_failed`. */
export async function loadSavedModel(
  directory: string,
  options: LoadOptions,
  onTracedRun?: OnTracedRun,
): Promise<Session> {
  const file = join(directory, SAVED_MODEL_FILE);
  const { tags, signatures: defs } = servingGraph(file, await readGraphs(file));
  const binding = openBinding(options.intraOpThreads);
  const { signatures, warnings } = servedSignatures(defs, (proto) => fromNative(binding.tensorFromProto(proto)));
  if (signatures.size === 0) {
    const why = warnings.length === 0 ? 'it has none' : warnings.join('; ');
    throw loadFailed(file, `no signature can be served: ${why}; export the model with a signature of plain tensors`);
  }
  const graph = new OpenGraph(binding, openModel(binding, directory, tags), signatures, onTracedRun);
  try {
    return new SavedModelSession(graph, withBatchAxes(signatures), warnings);
  } catch (error) {
    graph.close();
    throw error;
  }
}

async function readGraphs(file: string): Promise<readonly MetaGraph[]> {
  try {
    return readSavedModel(await readFile(file));
  } catch (error) {
    throw loadFailed(file, (error as Error).message, error);
  }
}

/** The graph that has only the serving tag, else the first that has it, else the only graph. */
export function servingGraph(file: string, graphs: readonly MetaGraph[]): MetaGraph {
  const serving = graphs.filter(({ tags }) => tags.includes(SERVE_TAG));
  const found =
    serving.find(({ tags }) => tags.length === 1) ?? serving[0] ?? (graphs.length === 1 ? graphs[0] : undefined);
  if (found !== undefined) return found;
  const all = graphs.map(({ tags }) => `{${tags.join(', ')}}`).join(', ') || 'none';
  throw loadFailed(file, `it has no graph with the tag "${SERVE_TAG}"; its graphs: ${all}; export one with that tag`);
}

function openModel(binding: NativeBinding, directory: string, tags: readonly string[]): number {
  try {
    return binding.loadSavedModel(directory, tags.join(','));
  } catch (error) {
    throw loadFailed(join(directory, SAVED_MODEL_FILE), tensorflowText(error), error);
  }
}

function withBatchAxes(signatures: ReadonlyMap<string, PlainSignature>): ReadonlyMap<string, Signature> {
  const found = new Map<string, Signature>();
  for (const [name, signature] of signatures) {
    found.set(name, { ...signature, batchAxis: batchAxisOf(signature, signatures) });
  }
  return found;
}

/** Serialized examples are not made up: a signature that takes those gets its axis from the API's definition. */
function batchAxisOf(signature: PlainSignature, signatures: ReadonlyMap<string, PlainSignature>): BatchAxis {
  const axis = batchAxisCandidate(metadataOf(signature.inputs), metadataOf(signature.outputs));
  const takes = axis.kind !== 'none' && takesExamples(signature, signatures.values());
  return takes ? { ...axis, reason: 'it takes tf.Examples, each of which has its own result' } : axis;
}
