/**
 * The methods of the Open Inference Protocol that run no model, over REST: metadata, configuration, statistics,
 * settings. The server's own health is told outside of requests (http1/local-replies.ts).
 */
import type { Buffer } from 'node:buffer';
import { ALL_MODELS } from '../../../core/access-method.ts';
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { versionText } from '../exported/model-reference.ts';
import { asking, type Found, reading } from '../exported/rest-lookup.ts';
import type { OpenInference } from '../open-inference.ts';
import type { SettingChanges } from '../setting-changes.ts';
import { tritonConfigJson } from '../triton-config.ts';
import { logJson, metadataJson, statisticsJson, traceJson } from './lookups-json.ts';
import type { OpenInferenceKind } from './operations.ts';
import { readSettings } from './setting-body.ts';

/** The methods by the kind of their route. */
export function openInferenceLookups(
  openInference: OpenInference,
): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  return [...readMethods(openInference), ...settingMethods(openInference)];
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

function settingMethods({ settings }: OpenInference): readonly (readonly [OpenInferenceKind, Method<Buffer>])[] {
  const trace = (): string => traceJson(settings.trace);
  const log = (): string => logJson(settings.log);
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
  ];
}

/** A method that changes settings, which concerns all models. */
function changing(
  name: string,
  answer: (changes: SettingChanges, model: ModelSpec, context: RequestContext) => string,
): Method<Buffer, Found> {
  return asking(
    name,
    'settings',
    (body, path, context) => answer(readSettings(body), path, context),
    () => ALL_MODELS,
  );
}

function notReady(model: ModelSpec): ServingError {
  const version = versionText(model);
  const what = `model ${quoteName(model.name)}${version === '' ? '' : ` version ${version.slice(0, 40)}`}`;
  return invalidRequest(`Model version not ready: ${what} takes no requests; see GET /v1/models for the states`);
}
