/** Reads what a version of a Triton model has beside its runtime, and holds its config.pbtxt against the graph. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Signatures } from '../../core/signature.ts';
import type { DeclaredSignatures } from '../serving/declared-signature-runner.ts';
import { configView } from './config-view.ts';
import { checkAgainstGraph, mainSignature } from './graph-check.ts';
import { readLabels } from './labels.ts';
import type { ServedTriton } from './triton-facts.ts';

/** Undefined for a model of another source. Rejects with `load_failed` if its config.pbtxt does not fit the graph. */
export async function readTriton({ name, triton }: ModelConfig, graphs: Signatures): Promise<ServedTriton | undefined> {
  if (triton === undefined) return undefined;
  const main = mainSignature(graphs);
  if (main !== undefined) checkAgainstGraph(name, triton.config, main[1]);
  return { model: triton, labels: await readLabels(triton) };
}

/** The views of its config.pbtxt; undefined = requests see the graph's signatures. */
export function tritonViews(served: ServedTriton | undefined, graphs: Signatures): DeclaredSignatures | undefined {
  const view = served && configView(served.model.config, graphs);
  return view && new Map([[view.name, view]]);
}
