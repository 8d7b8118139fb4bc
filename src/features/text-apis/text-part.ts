/**
 * The paths of these APIs on the REST port. They have no place of their own, so where this server fronts an application
 * they are below --inference_path_prefix alone; those below a model's path are this server's always.
 */
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { SurfaceParts } from '../../kernel/installation.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import type { Operation } from '../../proxy/protocols/rest/operation.ts';
import {
  decodedSegment,
  failure,
  NO_MODEL,
  type Route,
  readable,
  route,
  WRITE,
  wrongMethod,
} from '../../proxy/protocols/rest/route.ts';
import { type Readiness, whyNotReady } from '../../proxy/readiness.ts';
import type { ChosenMethod, PageRequest, RestMethod, RestPart } from '../../proxy/servers/rest-part.ts';
import { TEXT_MODEL } from '../text/exported/text-model.ts';
import { soleModel } from './model-choice.ts';
import { EMBEDDINGS } from './openai/embeddings.ts';
import { openAiError } from './openai/openai-error.ts';
import { TEI_BELOW, TEXT_OPERATIONS, TEXT_SCHEMAS, type TextKind } from './operations.ts';
import { rerankApi, rerankError } from './rerank/documents.ts';
import { apiOfTask, TASK_APIS } from './tei/any-task.ts';
import { infoMethod } from './tei/info.ts';
import { teiError } from './tei/tei-error.ts';
import { tokenizeMethod } from './tei/tokenize.ts';
import { type SoleModel, type TextApi, textMethod } from './text-method.ts';

const READY = 200;
const NOT_READY = 503;

export function textPart({ resolver, readiness, models }: SurfaceParts): RestPart {
  const chosen = new Map<string, ChosenMethod>(methodsOf(resolver));
  const health = healthPage(readiness);
  return {
    operations: TEXT_OPERATIONS,
    schemas: TEXT_SCHEMAS,
    hasPath: (path) => !BY_PATH.has(path) || mayHaveTexts(models),
    match: (method, path) => matchText(method, path, models),
    methodOf: ({ kind }) => chosen.get(kind),
    pageOf: ({ kind }) => (kind === 'tei-health' ? health : undefined),
  };
}

function methodsOf(resolver: ModelResolver): readonly (readonly [TextKind, ChosenMethod])[] {
  const sole: SoleModel = (tasks, context) => soleModel(resolver, tasks, context);
  const method = (api: TextApi): RestMethod => textMethod(resolver, () => api, sole);
  const openAi = (each: RestMethod): ChosenMethod => answered(each, openAiError);
  const documents = (each: RestMethod): ChosenMethod => answered(each, rerankError);
  const tei = (each: RestMethod): ChosenMethod => answered(each, teiError);
  return [
    ['openai-embeddings', openAi(method(EMBEDDINGS))],
    ['rerank-1', documents(method(rerankApi(1)))],
    ['rerank-2', documents(method(rerankApi(2)))],
    ['tei-any', tei(textMethod(resolver, apiOfTask(resolver, sole), sole))],
    ['tei-embed', tei(method(TASK_APIS.embedding))],
    ['tei-predict', tei(method(TASK_APIS.classification))],
    ['tei-rerank', tei(method(TASK_APIS.reranking))],
    ['tei-tokenize', tei(tokenizeMethod(resolver, sole))],
    ['tei-info', tei(infoMethod(resolver, sole))],
  ];
}

function answered(method: RestMethod, errorBody: NonNullable<ChosenMethod['form']['errorBody']>): ChosenMethod {
  return { method, form: { contentType: JSON_TYPE, headers: [], errorBody }, keepsBody: false };
}

function healthPage(readiness: Readiness): (asked: PageRequest) => Promise<void> {
  return async ({ answers, to }) => {
    const problem = whyNotReady(readiness);
    if (problem === undefined) answers.json(to, READY, { status: 'ready' });
    else answers.json(to, NOT_READY, { error: problem, error_type: 'unhealthy' });
  };
}

const PREFIX = TEI_BELOW.slice(0, TEI_BELOW.indexOf('{'));
const BELOW_MODEL = /^\/v1\/models\/([^/:]+)\/tei(?:\/(\w*))?$/;

/** Operations by their paths, and by the last words of those below a model's. */
const BY_PATH = new Map<string, Operation>();
const BY_WORD = new Map<string, Operation>();
for (const operation of TEXT_OPERATIONS) {
  for (const path of operation.paths) {
    if (path.startsWith(TEI_BELOW)) BY_WORD.set(path.slice(TEI_BELOW.length + 1), operation);
    else BY_PATH.set(path, operation);
  }
}

/** Other paths cost one look-up and one comparison. A server without texts has none of those at the root. */
function matchText(method: string, path: string, models: ModelManager): Route | undefined {
  const own = BY_PATH.get(path);
  if (own !== undefined) return mayHaveTexts(models) ? routeTo(own, method, path, NO_MODEL) : undefined;
  const match = path.startsWith(PREFIX) ? BELOW_MODEL.exec(path) : null;
  const operation = BY_WORD.get(match?.[2] ?? '');
  if (match === null || operation === undefined) return undefined;
  const name = decodedSegment(match[1]!);
  return name instanceof ServingError ? failure(name) : routeTo(operation, method, path, { name });
}

/** A version takes texts, or one that is not there yet may do so. */
function mayHaveTexts(models: ModelManager): boolean {
  for (const { facts } of models.servables()) if (facts.get(TEXT_MODEL) !== undefined) return true;
  return models.modelNames.some((name) => models.find(name, {}) === undefined);
}

function routeTo({ kind, method: name, http }: Operation, method: string, path: string, spec: ModelSpec): Route {
  if (http === 'GET') return readable(method, path, kind, name, spec);
  if (method === 'OPTIONS') return route<string>('options', name, spec, WRITE);
  return method === 'POST' ? route<string>(kind, name, spec) : wrongMethod(method, path, WRITE, 'POST');
}
