/**
 * A servable whose pillion.yaml declares signatures: callers see those beside the graph's own, and instead of it where
 * one has its name.
 */
import type { Signature } from '../core/signature.ts';
import type { ModelFile } from './model-file/load-model-file.ts';
import { Servable, type ServableRunner } from './servable.ts';
import type { SignatureView } from './signature-view.ts';
import { ViewedRunner } from './viewed-runner.ts';

type Views = ReadonlyMap<string, SignatureView>;

/** The views of a model that has been opened; undefined where it declares none. If they do not fit, it is closed again. */
export async function viewsOf(
  file: ModelFile | undefined,
  graphs: ReadonlyMap<string, Signature>,
  opened: { close(): Promise<void> },
): Promise<Views | undefined> {
  try {
    const views = file?.views(graphs);
    return views === undefined || views.size === 0 ? undefined : views;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** `maxBytes`: see ViewedRunner. */
export function withViews(
  name: string,
  version: bigint,
  graphs: ReadonlyMap<string, Signature>,
  runner: ServableRunner,
  views: Views,
  maxBytes: number,
): Servable {
  const signatures = new Map(graphs);
  for (const [key, view] of views) signatures.set(key, view.signature);
  return new Servable(name, version, signatures, new ViewedRunner(runner, views, maxBytes));
}
