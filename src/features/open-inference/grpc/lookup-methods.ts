/** The methods that run no model: metadata, readiness, configuration, statistics, the repository, settings. */
import {
  logSettingsResponse,
  type ModelQuestion,
  readLogSettings,
  readModelQuestion,
  readTraceSettings,
  traceSettingResponse,
} from '../../../codec/open-inference/lookup-messages.ts';
import { messageField, varintField } from '../../../codec/protobuf/wire-writer.ts';
import { type AccessMethod, ALL_MODELS } from '../../../core/access-method.ts';
import type { Method } from '../../../proxy/exchange.ts';
import { type Answer, lookupMethod } from '../exported/grpc-lookup.ts';
import { modelOf } from '../exported/model-reference.ts';
import type { OpenInference } from '../open-inference.ts';
import {
  modelMetadataResponse,
  modelStatisticsResponse,
  type StatisticsAnswer,
  serverMetadataResponse,
} from '../report-messages.ts';
import type { RunTotals, TimeTotal, VersionStatistics } from '../statistics/inference-statistics.ts';
import { nanosOf } from '../statistics.ts';
import { tritonConfigBytes } from '../triton-config.ts';

export function lookupMethods(openInference: OpenInference): readonly Method<Uint8Array, Uint8Array>[] {
  return [
    ...modelMethods(openInference),
    ...settingMethods(openInference),
    ...openInference.extensions.flatMap(({ grpc }) => grpc),
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
