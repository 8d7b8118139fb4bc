/** The methods that ask about models: they have no body, and no model runs for them. */
import { Buffer } from 'node:buffer';
import type { ModelMetadata } from '../../../../core/model-metadata.ts';
import { Lookup } from '../../../call.ts';
import type { Method } from '../../../exchange.ts';
import type { ModelInfoHandler, ModelStatus, VersionStatus } from '../../../handlers/model-info.ts';
import { metadataJson } from './metadata-json.ts';
import type { Route, RouteKind } from './routes.ts';
import { modelsJson, statusJson } from './status-json.ts';

/** By the kind of their route. */
export function lookupMethods(modelInfo: ModelInfoHandler): readonly (readonly [RouteKind, Method<Buffer>])[] {
  const models: Method<Buffer, readonly ModelStatus[]> = {
    name: 'ListModels',
    hasNoBody: true,
    decode: () => new Lookup(() => modelInfo.list()),
    encode: (all) => Buffer.from(modelsJson(all), 'utf8'),
  };
  const status: Method<Buffer, readonly VersionStatus[]> = {
    name: 'GetModelStatus',
    hasNoBody: true,
    decode: (_body, path, context) => new Lookup(() => modelInfo.status(path, context)),
    encode: (statuses) => Buffer.from(statusJson(statuses), 'utf8'),
  };
  const metadata: Method<Buffer, ModelMetadata> = {
    name: 'GetModelMetadata',
    hasNoBody: true,
    decode: (_body, path, context) => new Lookup(() => modelInfo.metadata(path, context)),
    encode: (of) => Buffer.from(metadataJson(of), 'utf8'),
  };
  return [
    ['models', models],
    ['status', status],
    ['metadata', metadata],
  ];
}

/** Of a path that is none, or takes another HTTP method. */
export function refusal({ method, error }: Route): Method<Buffer> {
  const refuse = (): never => {
    throw error;
  };
  return { name: method, hasNoBody: true, decode: refuse, encode: refuse };
}
