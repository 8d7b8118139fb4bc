/**
 * The methods that ask about models: GetModelStatus, GetModelMetadata and the list of models. They have no body and run
 * no model. Status is written as TensorFlow Serving writes it: protobuf's JSON, 64-bit integers as strings, defaults
 * printed. The list, which is ours, holds one such answer for each model, with the model's name.
 */
import { Buffer } from 'node:buffer';
import { GrpcStatus } from '../../../../core/errors.ts';
import type { ModelMetadata } from '../../../../core/model-metadata.ts';
import { lookupCall } from '../../../call.ts';
import type { Method } from '../../../exchange.ts';
import type { ModelInfoHandler, ModelStatus, VersionStatus } from '../../../handlers/model-info.ts';
import type { Route } from '../../rest/route.ts';
import { metadataJson } from './metadata-json.ts';
import type { RouteKind } from './routes.ts';

const CODE_NAMES = new Map<number, string>(Object.entries(GrpcStatus).map(([name, code]) => [code, name]));

/** The methods by the kind of their route. */
export function lookupMethods(modelInfo: ModelInfoHandler): readonly (readonly [RouteKind, Method<Buffer>])[] {
  const models: Method<Buffer, readonly ModelStatus[]> = {
    name: 'ListModels',
    access: 'status',
    hasNoBody: true,
    decode: (_body, _path, context) => lookupCall(undefined, () => modelInfo.list(context)),
    encode: (all) => Buffer.from(modelsJson(all), 'utf8'),
  };
  const status: Method<Buffer, readonly VersionStatus[]> = {
    name: 'GetModelStatus',
    access: 'status',
    hasNoBody: true,
    decode: (_body, path, context) => lookupCall(path.name, () => modelInfo.status(path, context)),
    encode: (statuses) => Buffer.from(statusJson(statuses), 'utf8'),
  };
  const metadata: Method<Buffer, ModelMetadata> = {
    name: 'GetModelMetadata',
    access: 'metadata',
    hasNoBody: true,
    decode: (_body, path, context) => lookupCall(path.name, () => modelInfo.metadata(path, context)),
    encode: (found) => Buffer.from(metadataJson(found), 'utf8'),
  };
  return [
    ['models', models],
    ['status', status],
    ['metadata', metadata],
  ];
}

/** The method of a path that does not exist or takes another HTTP method. It throws the route's error. */
export function refusal({ method, error }: Route): Method<Buffer> {
  const refuse = (): never => {
    throw error;
  };
  return { name: method, access: undefined, hasNoBody: true, decode: refuse, encode: refuse };
}

export function statusJson(statuses: readonly VersionStatus[]): string {
  return JSON.stringify(statusOf(statuses));
}

/** The models are in the order of the configuration. */
export function modelsJson(models: readonly ModelStatus[]): string {
  return JSON.stringify({ models: models.map(({ name, versions }) => ({ name, ...statusOf(versions) })) });
}

function statusOf(statuses: readonly VersionStatus[]): object {
  return {
    model_version_status: statuses.map(({ version, state, error, leftOut = [] }) => ({
      version: version.toString(),
      state,
      status: {
        error_code: CODE_NAMES.get(error === undefined ? GrpcStatus.OK : error.row.grpc),
        error_message: error?.message ?? leftOut.join('\n'),
      },
    })),
  };
}
