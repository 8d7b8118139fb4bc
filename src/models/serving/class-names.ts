/** The names of the classes of a version's outputs, for people who try it; requests do not read them. */
import { factKey } from '../../core/collections/facts.ts';
import { SCORES_OUTPUT, type Signatures } from '../../core/signature.ts';
import type { DeclaredSignature } from './declared-signature.ts';

/** Names in UTF-8, in the order of the classes, by output. */
export type OutputLabels = ReadonlyMap<string, readonly Uint8Array[]>;

/** Labels of the graph's outputs that a model has from elsewhere than its pillion.yaml. */
export const GRAPH_LABELS = factKey<OutputLabels>('labels of outputs');
/** The labels by signature, then by the name that it gives the output. */
export const CLASS_NAMES = factKey<ReadonlyMap<string, OutputLabels>>('class names');

/** The labels that a view gives to its scores are those of the graph's output in every signature. Pure. */
export function classNamesOf(
  views: ReadonlyMap<string, DeclaredSignature>,
  graphs: Signatures,
  known: OutputLabels = new Map(),
): ReadonlyMap<string, OutputLabels> {
  const labels = new Map(known);
  for (const view of views.values()) {
    const scores = view.outputs.get(SCORES_OUTPUT);
    if (view.labels !== undefined && scores !== undefined) labels.set(scores, view.labels);
  }
  const named = new Map<string, OutputLabels>();
  const add = (signature: string, outputs: Iterable<readonly [alias: string, output: string]>): void => {
    const found = [...outputs].flatMap(([alias, output]) => {
      const names = labels.get(output);
      return names === undefined ? [] : ([[alias, names]] as const);
    });
    if (found.length > 0) named.set(signature, new Map(found));
  };
  for (const [name, { outputs }] of graphs)
    add(
      name,
      [...outputs.keys()].map((each) => [each, each]),
    );
  for (const [name, { outputs }] of views) add(name, outputs);
  return named;
}
