/** The facts of a version that this feature keeps. */
import { factKey } from '../../core/collections/facts.ts';
import type { Signatures } from '../../core/signature.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import type { ServableRunner } from '../../models/serving/servable.ts';
import type { TextModel } from './exported/text-model.ts';
import type { Task, TaskModel } from './tasks/task.ts';

/** A version that takes texts. */
export interface TextVersion {
  readonly model: TaskModel;
  readonly task: Task;
  readonly facts: TextModel;
  /** Puts the layer of texts around the runner of the graph's own signatures. */
  layer(inner: ServableRunner, signatures: Signatures): ServableRunner;
  /** Adds the signatures that callers see. */
  addViews(draft: VersionDraft): void;
  /** Tokens of all requests so far. */
  tokens: number;
}

/** The key, on a version, of what this feature knows of it. */
export const TEXT_VERSION = factKey<TextVersion>('text version');
/** Why a version with a tokenizer takes no texts. */
export const NO_TEXTS = factKey<string>('no texts');
