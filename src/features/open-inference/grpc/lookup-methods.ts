/** The methods that run no model: metadata, readiness, configuration, statistics, the repository, settings. */
import {
  logSettingsResponse,
  type ModelQuestion,
  type RepositoryRequest,
  readIndexRequest,
  readLogSettings,
  readModelQuestion,
  readRepositoryRequest,
  readTraceSettings,
  repositoryResponse,
  traceSettingResponse,
} from '../../../codec/open-inference/lookup-messages.ts';
import { readRegion, readRegionName, regionStatusResponse } from '../../../codec/open-inference/region-messages.ts';
import {
  modelMetadataResponse,
  modelStatisticsResponse,
  repositoryIndexResponse,
  type StatisticsAnswer,
  serverMetadataResponse,
} from '../../../codec/open-inference/report-messages.ts';
import { messageField, varintField } from '../../../codec/protobuf/wire-writer.ts';
import { type AccessMethod, ALL_MODELS } from '../../../core/access-method.ts';
import { tritonConfigBytes } from '../../../models/triton/triton-config.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import { MESSAGE_HEAD_BYTES } from '../../../proxy/grpc/engine.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import type { OpenInference } from '../open-inference.ts';
import type { RunTotals, TimeTotal, VersionStatistics } from '../statistics/inference-statistics.ts';
import { nanosOf } from '../statistics.ts';

/** Gives the answer's message. */
type Answer<Question> = (question: Question, context: RequestContext) => Uint8Array | Promise<Uint8Array>;

export function lookupMethods(openInference: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  return [
    ...modelMethods(openInference),
    ...repositoryMethods(openInference),
    ...settingMethods(openInference),
    ...regionMethods(openInference),
  ];
}

/** A region is no model's: a caller needs a rule for all. */
function regionMethods({ sharedMemory }: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  const region = <Question>(
    name: string,
    read: (bytes: Uint8Array, what: string) => Question,
    answer: Answer<Question>,
  ): Method<Uint8Array, Uint8Array> =>
    lookupMethod({
      name,
      access: 'shared_memory',
      read: (bytes) => read(bytes, `${name}Request`),
      modelOf: () => ALL_MODELS,
      answer,
    });
  return [
    region('SystemSharedMemoryStatus', readRegionName, (name, context) =>
      regionStatusResponse(sharedMemory.status(name, context)),
    ),
    region('SystemSharedMemoryRegister', readRegion, async (wanted, context) => {
      await sharedMemory.register(wanted, context);
      return NOTHING;
    }),
    region('SystemSharedMemoryUnregister', readRegionName, async (name, context) => {
      await sharedMemory.unregister(name, context);
      return NOTHING;
    }),
  ];
}

function modelMethods({ models, statistics }: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  const ofModel = (name: string, access: AccessMethod, answer: Answer<ModelQuestion>): Method<Uint8Array, Uint8Array> =>
    lookupMethod({ name, access, read: (bytes) => readModelQuestion(bytes, `${name}Request`), modelOf, answer });
  return [
    lookupMethod({
      name: 'ServerMetadata',
      access: undefined,
      read: () => undefined,
      answer: () => serverMetadataResponse(models.serverMetadata),
    }),
    ofModel('ModelReady', 'status', ({ name, version }, context) =>
      varintField(1, models.isReady(name, version, context)),
    ),
    ofModel('ModelMetadata', 'metadata', ({ name, version }, context) =>
      modelMetadataResponse(models.metadata(name, version, context)),
    ),
    ofModel('ModelConfig', 'metadata', ({ name, version }, context) =>
      messageField(1, tritonConfigBytes(models.config(name, version, context))),
    ),
    ofModel('ModelStatistics', 'status', ({ name, version }, context) =>
      modelStatisticsResponse(statistics.of(name, version, context).map(statisticsAnswer)),
    ),
  ];
}

function repositoryMethods({ repository }: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  const change = (
    name: string,
    done: (request: RepositoryRequest, context: RequestContext) => Promise<void>,
  ): Method<Uint8Array, Uint8Array> =>
    lookupMethod({
      name,
      access: 'load',
      read: (bytes) => readRepositoryRequest(bytes, `${name}Request`),
      modelOf,
      answer: async (request, context) => {
        await done(request, context);
        return repositoryResponse(request);
      },
    });
  return [
    lookupMethod({
      name: 'RepositoryIndex',
      access: 'status',
      read: readIndexRequest,
      answer: async ({ repository: asked, isReadyOnly }, context) =>
        repositoryIndexResponse(await repository.index(asked, isReadyOnly, context)),
    }),
    change('RepositoryModelLoad', ({ repository: asked, name, parameters }, context) =>
      repository.load(asked, name, parameters, context),
    ),
    change('RepositoryModelUnload', ({ repository: asked, name, parameters }, context) =>
      repository.unload(asked, name, parameters, context),
    ),
  ];
}

/** No permission is needed to read settings; a change concerns all models. */
function settingMethods({ settings }: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  const allIf = (areChanged: boolean): string | undefined => (areChanged ? ALL_MODELS : undefined);
  return [
    lookupMethod({
      name: 'TraceSetting',
      access: 'settings',
      read: readTraceSettings,
      modelOf: (question) => allIf(question.settings.size > 0),
      answer: ({ model, settings: changes }, context) => {
        settings.changeTrace(changes, model, context);
        return traceSettingResponse(settings.trace);
      },
    }),
    lookupMethod({
      name: 'LogSettings',
      access: 'settings',
      read: readLogSettings,
      modelOf: (changes) => allIf(changes.size > 0),
      answer: (changes, context) => {
        settings.changeLog(changes, context);
        return logSettingsResponse(settings.log);
      },
    }),
  ];
}

const NOTHING = new Uint8Array(0);

function modelOf({ name }: { readonly name: string }): string | undefined {
  // Statistics without a name are of all models, and leave out what the caller may not know.
  return name === '' ? undefined : name;
}

interface Lookup<Question> {
  readonly name: string;
  readonly access: AccessMethod | undefined;
  readonly read: (bytes: Uint8Array) => Question;
  /** The model that the caller must be allowed to ask about; absent, undefined: `answer` leaves out what it may not. */
  readonly modelOf?: (question: Question) => string | undefined;
  readonly answer: Answer<Question>;
}

function lookupMethod<Question>({
  name,
  access,
  read,
  modelOf: asked,
  answer,
}: Lookup<Question>): Method<Uint8Array, Uint8Array> {
  return {
    name,
    access,
    decode: (bytes, _path, context) => {
      const question = read(bytes);
      return lookupCall(asked?.(question), () => answer(question, context));
    },
    encode: (message) => withRoom(message),
  };
}

function withRoom(message: Uint8Array): Uint8Array {
  const whole = new Uint8Array(MESSAGE_HEAD_BYTES + message.length);
  whole.set(message, MESSAGE_HEAD_BYTES);
  return whole;
}

function statisticsAnswer(stats: VersionStatistics): StatisticsAnswer {
  const { model: name, version, lastInferenceMs, inferenceCount, executionCount, success, fail, queue, runs } = stats;
  return {
    ...{ name, version, lastInferenceMs, inferenceCount, executionCount },
    ...{ success: time(success), fail: time(fail), queue: time(queue) },
    ...{ cacheHit: time(stats.cacheHit), cacheMiss: time(stats.cacheMiss) },
    ...compute(stats),
    batches: [...runs].sort(([a], [b]) => a - b).map(([size, totals]) => ({ size, ...compute(totals) })),
  };
}

function compute({ computeInput, computeInfer, computeOutput }: RunTotals) {
  return { computeInput: time(computeInput), computeInfer: time(computeInfer), computeOutput: time(computeOutput) };
}

function time(total: TimeTotal): { readonly count: number; readonly ns: bigint } {
  return { count: total.count, ns: nanosOf(total) };
}
