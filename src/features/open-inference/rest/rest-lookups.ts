/**
 * The methods of the Open Inference Protocol that run no model, over REST: metadata, configuration, statistics, the
 * repository, settings. The server's own health is told outside of requests (http1/local-replies.ts).
 */
import { Buffer } from 'node:buffer';
import { type AccessMethod, ALL_MODELS } from '../../../core/access-method.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { tritonConfigJson } from '../../../models/triton/triton-config.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import type { OpenInference } from '../open-inference.ts';
import type { SettingChanges } from '../setting-changes.ts';
import { logJson, metadataJson, statisticsJson, traceJson } from './lookups-json.ts';
import type { OpenInferenceKind } from './operations.ts';
import { versionText } from './routes.ts';
import { readSettings } from './setting-body.ts';
import { readIndexBody, readRepositoryBody } from './small-bodies.ts';

/** The body that a lookup answers with: undefined = an empty one. */
type Found = string | undefined;

type Lookup = (body: Buffer, model: ModelSpec, context: RequestContext) => Found | Promise<Found>;

const EMPTY = Buffer.alloc(0);

/** The methods by the kind of their route. */
export function openInferenceLookups(
  openInference: OpenInference,
): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  return [...readMethods(openInference), ...repositoryMethods(openInference), ...settingMethods(openInference)];
}

function readMethods({ models, statistics }: OpenInference): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  const { serverMetadata } = models;
  return [
    ['v2-server', reading('ServerMetadata', undefined, () => JSON.stringify(serverMetadata))],
    [
      'v2-model-ready',
      reading('ModelReady', 'status', (_body, model, context) => {
        if (models.isReady(model.name, versionText(model), context)) return undefined;
        throw notReady(model);
      }),
    ],
    [
      'v2-metadata',
      reading('ModelMetadata', 'metadata', (_body, model, context) =>
        metadataJson(models.metadata(model.name, versionText(model), context)),
      ),
    ],
    [
      'v2-config',
      reading('ModelConfig', 'metadata', (_body, model, context) =>
        tritonConfigJson(models.config(model.name, versionText(model), context)),
      ),
    ],
    [
      'v2-stats',
      reading('ModelStatistics', 'status', (_body, model, context) =>
        statisticsJson(statistics.of(model.name, versionText(model), context)),
      ),
    ],
    [
      'v2-all-stats',
      reading('ModelStatistics', 'status', (_body, _model, context) => statisticsJson(statistics.of('', '', context))),
    ],
  ];
}

function repositoryMethods({ repository }: OpenInference): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  const unnamed = (): never => {
    throw unsupported("this server's models are in no named repository; leave its name out of the path");
  };
  return [
    [
      'v2-index',
      asking('RepositoryIndex', 'status', async (body, _model, context) =>
        JSON.stringify(await repository.index('', readIndexBody(body), context)),
      ),
    ],
    [
      'v2-load',
      asking('RepositoryModelLoad', 'load', async (body, { name }, context) => {
        await repository.load('', name, readRepositoryBody(body), context);
        return undefined;
      }),
    ],
    [
      'v2-unload',
      asking('RepositoryModelUnload', 'load', async (body, { name }, context) => {
        await repository.unload('', name, readRepositoryBody(body), context);
        return undefined;
      }),
    ],
    ['v2-repository', reading('RepositoryIndex', undefined, unnamed)],
  ];
}

function settingMethods({ settings }: OpenInference): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  const trace = (): string => traceJson(settings.trace);
  const log = (): string => logJson(settings.log);
  const noCudaMemory = (): never => {
    throw unsupported('this server has no shared memory of GPUs; send tensors in requests, as JSON or as binary data');
  };
  return [
    ['v2-trace', reading('TraceSetting', undefined, trace)],
    [
      'v2-set-trace',
      changing('TraceSetting', (changes, { name }, context) => {
        settings.changeTrace(changes, name, context);
        return trace();
      }),
    ],
    ['v2-logging', reading('LogSettings', undefined, log)],
    [
      'v2-set-logging',
      changing('LogSettings', (changes, _model, context) => {
        settings.changeLog(changes, context);
        return log();
      }),
    ],
    ['v2-cuda-memory', reading('CudaSharedMemoryStatus', undefined, noCudaMemory)],
    ['v2-change-cuda-memory', reading('CudaSharedMemoryRegister', undefined, noCudaMemory)],
  ];
}

/** A method whose requests have no body, or one that is not read. */
function reading(name: string, access: AccessMethod | undefined, find: Lookup): Method<Buffer, Found> {
  return { ...asking(name, access, find), hasNoBody: true };
}

function asking(name: string, access: AccessMethod | undefined, find: Lookup): Method<Buffer, Found> {
  return {
    name,
    access,
    // The body is lent for this turn, and `find` reads it in this turn.
    decode: (body, path, context) => lookupCall(path.name || undefined, () => find(body, path, context)),
    encode: (found) => (found === undefined ? EMPTY : Buffer.from(found, 'utf8')),
  };
}

/** A method that changes settings, which concerns all models. */
function changing(
  name: string,
  answer: (changes: SettingChanges, model: ModelSpec, context: RequestContext) => string,
): Method<Buffer, Found> {
  return {
    ...asking(name, 'settings', () => undefined),
    decode: (body, path, context) =>
      // The answer comes in the same turn, once it is known that its caller may.
      lookupCall(ALL_MODELS, () => answer(readSettings(body), path, context)),
  };
}

function notReady(model: ModelSpec): ServingError {
  const version = versionText(model);
  const what = `model ${quoteName(model.name)}${version === '' ? '' : ` version ${version.slice(0, 40)}`}`;
  return invalidRequest(`Model version not ready: ${what} takes no requests; see GET /v1/models for the states`);
}

function unsupported(message: string): ServingError {
  return new ServingError('unsupported', message);
}
