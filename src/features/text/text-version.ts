/**
 * Makes a version one that takes texts, while it loads: finds out what it is, starts its tokenizer, and puts a view of
 * texts in the place of its graph's signature.
 *
 *   opened ─▶ files and pillion.yaml are read, the tokenizer starts, padding is asked for
 *   views  ─▶ serving_default takes texts; the graph's own is `tokens`
 */
import { Buffer } from 'node:buffer';
import type { Sandbox } from '../../backends/host/process/sandbox.ts';
import { CancelSignal } from '../../core/cancel.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { numericTensor } from '../../core/tensor.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import type { PadValues } from '../../models/model-file/declare-pad-values.ts';
import { TEXT_MODEL, type TextModel } from './exported/text-model.ts';
import { bindGraph, type GraphBinding } from './files/graph-binding.ts';
import { settingsOf, type TextSettings, taskOf } from './files/settings.ts';
import { readTextFiles, TOKENIZER_FILE, tokenizerProblem } from './files/text-files.ts';
import { classificationTask, rerankingTask } from './tasks/classification.ts';
import { embeddingTask } from './tasks/embedding.ts';
import { fillMaskTask } from './tasks/fill-mask.ts';
import type { Task, TaskModel } from './tasks/task.ts';
import { tokenClassificationTask } from './tasks/token-classification.ts';
import { TEXT, type TextDeclaration } from './text-key.ts';
import { addTextViews } from './text-views.ts';
import { TokenizerHost } from './tokenizer/tokenizer-host.ts';
import { NO_TEXTS, TEXT_VERSION } from './version-facts.ts';

export interface TextLoadParts {
  readonly clock: Clock;
  readonly sandbox: () => Sandbox | undefined;
  /** Writes a line about a model's version to the log. */
  readonly log: (draft: VersionDraft, text: string) => void;
}

const TASKS: Readonly<Record<TextSettings['task'], (model: TaskModel) => Task>> = {
  embedding: embeddingTask,
  classification: classificationTask,
  reranking: rerankingTask,
  'token-classification': tokenClassificationTask,
  'fill-mask': fillMaskTask,
};

/** The step `opened`. Rejects with `load_failed` if the owner says that it takes texts, and it cannot. */
export async function openText(parts: TextLoadParts, draft: VersionDraft): Promise<void> {
  const declared = draft.modelFile?.valueOf(TEXT);
  if (declared === 'off') return;
  const { versionDirectory, facts } = draft;
  const file = declared?.tokenizer ?? TOKENIZER_FILE;
  const wrong = await tokenizerProblem(versionDirectory, file);
  if (wrong !== undefined) {
    if (declared !== undefined) throw refused(`${file} ${wrong}`);
    return;
  }
  const found = await drawUp(draft, declared ?? {});
  if (typeof found === 'string') {
    if (declared !== undefined) throw refused(found);
    facts.set(NO_TEXTS, found);
    parts.log(draft, `it takes tokens, and no texts, though ${file} lies beside it: ${found}`);
    return;
  }
  await start(parts, draft, { ...found, file });
}

/** The step `views`. */
export function viewText(draft: VersionDraft): void {
  const version = draft.facts.get(TEXT_VERSION);
  if (version !== undefined) addTextViews(draft, version);
}

interface DrawnUp {
  readonly settings: TextSettings;
  readonly binding: GraphBinding;
}

async function drawUp(draft: VersionDraft, declared: TextDeclaration): Promise<DrawnUp | string> {
  const files = await readTextFiles(draft.versionDirectory);
  const task = taskOf(declared, files);
  if (task === undefined) {
    return 'neither pillion.yaml nor the files beside it say what it does; write "text: {task: …}" in pillion.yaml';
  }
  const problems: string[] = [];
  const settings = settingsOf(task, declared, files, (text) => problems.push(text));
  const binding = bindGraph(draft.signatures, settings);
  if (typeof binding === 'string') problems.push(binding);
  if (problems.length > 0 || typeof binding === 'string') return problems.join('; ');
  const maxTokens = Math.min(settings.maxTokens, binding.fixedLength ?? Infinity);
  return { settings: { ...settings, maxTokens }, binding };
}

async function start(
  parts: TextLoadParts,
  draft: VersionDraft,
  found: DrawnUp & { readonly file: string },
): Promise<void> {
  const { settings, binding, file } = found;
  const { model, versionDirectory, facts, signal } = draft;
  const { clock, sandbox, log } = parts;
  const tokenizer = await TokenizerHost.start({
    ...{ clock, versionDirectory, file, signal, model: model.name, sandbox: sandbox() },
    maxTokens: settings.maxTokens,
    cuts: settings.cuts,
    onEvent: (text) => log(draft, text),
  });
  draft.onEnd.push(() => void tokenizer.close());
  const [maskId = -1] = await tokenizer.idsOf([Buffer.from(settings.maskToken)], new CancelSignal());
  if (settings.task === 'fill-mask' && maskId === -1) {
    throw refused(`the tokenizer has no token ${settings.maskToken}, whose place is to be guessed`);
  }
  const taskModel: TaskModel = { settings, binding, tokenizer, maskId };
  facts.set(TEXT_VERSION, {
    model: taskModel,
    task: TASKS[settings.task](taskModel),
    facts: modelOf(taskModel),
    tokens: 0,
  });
  facts.set(TEXT_MODEL, facts.get(TEXT_VERSION)!.facts);
  // Texts differ in length, so that without padding nearly each would have a run of its own. Runs prove that it is safe.
  draft.padValues ??= new Map([...draft.signatures.keys()].map((name) => [name, padValuesOf(taskModel, name)]));
}

function padValuesOf({ binding, settings }: TaskModel, signatureName: string): PadValues {
  const dtype = binding.inputs.get('input_ids')!.dtype;
  if (signatureName !== binding.signatureName) return new Map();
  const value = dtype === 'int64' ? BigInt64Array.of(BigInt(settings.padId)) : Int32Array.of(settings.padId);
  return new Map([['input_ids', numericTensor(dtype, [], value)]]);
}

function modelOf({ settings, binding, tokenizer }: TaskModel): TextModel {
  const { task, maxTokens, truncates, dimensions, isNormalized, labels, prompts, limits } = settings;
  return {
    ...{ task, maxTokens, truncates, dimensions, isNormalized, labels, prompts, limits },
    signatureName: 'serving_default',
    width: task === 'embedding' && binding.width > 0 ? binding.width : undefined,
    tokenize: (rows, options, cancel) => {
      const bytes = rows.map(({ text, pair }) => ({
        text: Buffer.from(text),
        pair: pair === undefined ? pair : Buffer.from(pair),
      }));
      return tokenizer.encode(bytes, options, cancel, Infinity);
    },
    decode: async (lists, cancel) => {
      const texts = await tokenizer.decode(lists, cancel, Infinity);
      return texts.map((text) => Buffer.from(text).toString('utf8'));
    },
  };
}

function refused(problem: string): ServingError {
  return new ServingError('load_failed', `"text" of pillion.yaml: ${problem}`);
}
