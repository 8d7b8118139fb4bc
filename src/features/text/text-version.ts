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
import { ServingError, toServingError } from '../../core/errors.ts';
import { numericTensor } from '../../core/tensor.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import type { PadValues } from '../../models/model-file/declare-pad-values.ts';
import { TEXT_MODEL, type TextModel } from './exported/text-model.ts';
import { bindGraph, type GraphBinding } from './files/graph-binding.ts';
import { moduleProblem, settingsOf, type TextSettings, taskOf } from './files/settings.ts';
import { readTextFiles, TOKENIZER_FILE, tokenizerProblem } from './files/text-files.ts';
import { TextRunner } from './run/text-runner.ts';
import { classificationTask, rerankingTask } from './tasks/classification.ts';
import { embeddingTask } from './tasks/embedding.ts';
import { fillMaskTask } from './tasks/fill-mask.ts';
import type { Task, TaskModel } from './tasks/task.ts';
import { tokenClassificationTask } from './tasks/token-classification.ts';
import { TEXT, type TextDeclaration } from './text-key.ts';
import { addTextViews } from './text-views.ts';
import { TokenizerHost } from './tokenizer/tokenizer-host.ts';
import { NO_TEXTS, TEXT_VERSION, type TextVersion } from './version-facts.ts';

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

/**
 * The step `opened`. Rejects with `load_failed` if the owner says that it takes texts, and it cannot; where files alone
 * say so, it takes tokens then.
 */
export async function openText(parts: TextLoadParts, draft: VersionDraft): Promise<void> {
  const declared = draft.modelFile?.valueOf(TEXT);
  if (declared === 'off') return;
  try {
    await open(parts, draft, declared ?? {});
  } catch (thrown) {
    if (declared !== undefined || draft.signal?.aborted === true) throw thrown;
    const { message } = toServingError(thrown);
    draft.facts.set(NO_TEXTS, message);
    parts.log(draft, `it takes tokens, and no texts, though ${TOKENIZER_FILE} lies beside it: ${message}`);
  }
}

async function open(parts: TextLoadParts, draft: VersionDraft, declared: TextDeclaration): Promise<void> {
  const file = declared.tokenizer ?? TOKENIZER_FILE;
  const wrong = await tokenizerProblem(draft.versionDirectory, file);
  if (wrong !== undefined) throw refused(`${file} ${wrong}`);
  const found = await drawUp(draft, declared);
  if (typeof found === 'string') throw refused(found);
  await start(parts, draft, { ...found, file });
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
  else if (task === 'embedding') {
    const problem = binding.rank === 3 ? moduleProblem(files) : undefined;
    if (problem !== undefined) problems.push(problem);
  }
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
    strips: settings.strips,
    takesPairs: settings.task === 'reranking' || settings.task === 'classification',
    onEvent: (text) => log(draft, text),
  });
  draft.onEnd.push(() => void tokenizer.close());
  const [maskId = -1] = await tokenizer.idsOf([Buffer.from(settings.maskToken)], {
    cancel: new CancelSignal(),
    deadline: Infinity,
  });
  if (settings.task === 'fill-mask' && maskId === -1) {
    await tokenizer.close();
    throw refused(`the tokenizer has no token ${settings.maskToken}, whose place is to be guessed`);
  }
  const taskModel: TaskModel = { settings, binding, tokenizer, maskId };
  const version = versionOf(model.name, taskModel, clock);
  facts.set(TEXT_VERSION, version);
  facts.set(TEXT_MODEL, version.facts);
  // Texts differ in length, so that without padding nearly each would have a run of its own. Runs prove that it is safe.
  draft.padValues ??= new Map([...draft.signatures.keys()].map((name) => [name, padValuesOf(taskModel, name)]));
}

function versionOf(name: string, model: TaskModel, clock: Clock): TextVersion {
  const task = TASKS[model.settings.task](model);
  const version: TextVersion = {
    ...{ model, task, facts: modelOf(model), tokens: 0 },
    layer: (inner, signatures) => {
      const signature = signatures.get(model.binding.signatureName)!;
      const onTokens = (tokens: number): void => {
        version.tokens += tokens;
      };
      return new TextRunner(inner, { name, model, task, signature, clock, onTokens });
    },
    addViews: (draft) => addTextViews(draft, version),
  };
  return version;
}

function padValuesOf({ binding, settings }: TaskModel, signatureName: string): PadValues {
  const dtype = binding.inputs.get('input_ids')!.dtype;
  if (signatureName !== binding.signatureName) return new Map();
  const value = dtype === 'int64' ? BigInt64Array.of(BigInt(settings.padId)) : Int32Array.of(settings.padId);
  return new Map([['input_ids', numericTensor(dtype, [], value)]]);
}

function modelOf({ settings, binding, tokenizer }: TaskModel): TextModel {
  const { task, maxTokens, truncates, dimensions, isNormalized, labels, isAggregated, maskToken, topK } = settings;
  const { prompts, limits } = settings;
  return {
    ...{ task, maxTokens, truncates, dimensions, isNormalized, labels, isAggregated, maskToken, topK },
    ...{ prompts, limits },
    signatureName: 'serving_default',
    width: task === 'embedding' && binding.width > 0 ? binding.width : undefined,
    tokenize: (rows, options, user) => {
      const bytes = rows.map(({ text, pair }) => ({
        text: Buffer.from(text),
        pair: pair === undefined ? pair : Buffer.from(pair),
      }));
      return tokenizer.encode(bytes, { mostTokens: limits.tokens, ...options }, user);
    },
    decode: async (lists, user) => {
      const texts = await tokenizer.decode(lists, user);
      return texts.map((text) => Buffer.from(text).toString('utf8'));
    },
  };
}

function refused(problem: string): ServingError {
  return new ServingError('load_failed', `it cannot take texts: ${problem}`);
}
