/** The facts of a version that this feature keeps. */
import { factKey } from '../../core/collections/facts.ts';
import type { TextModel } from './exported/text-model.ts';
import type { Task, TaskModel } from './tasks/task.ts';

/** A version that takes texts. */
export interface TextVersion {
  readonly model: TaskModel;
  readonly task: Task;
  readonly facts: TextModel;
  /** Tokens of all requests so far. */
  tokens: number;
}

/** The key, on a version, of what this feature knows of it. */
export const TEXT_VERSION = factKey<TextVersion>('text version');
/** Why a version with a tokenizer takes no texts. */
export const NO_TEXTS = factKey<string>('no texts');
