/**
 * The small messages of grpc_service.proto: questions about the server and its models, and their answers. Values are
 * the shared layer's own; this file knows field numbers alone.
 */
import { lengthDelimited, varintTag, WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, mapField, message, messageField, varintField } from '../protobuf/wire-writer.ts';
import { NO_PARAMETERS, type Parameters } from './infer-request.ts';
import { type ReadParameters, readParameter } from './parameter-codec.ts';
import { shortText } from './short-text.ts';

/** ModelReadyRequest, ModelMetadataRequest, ModelConfigRequest, ModelStatisticsRequest. */
export interface ModelQuestion {
  readonly name: string;
  readonly version: string;
}

/** Fields: 1 name, 2 version. `what` is the message's name. Throws ServingError. */
export function readModelQuestion(bytes: Uint8Array, what: string): ModelQuestion {
  const reader = new WireReader(bytes, what);
  let name = '';
  let version = '';
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = shortText(reader, 'name');
    else if (reader.tag === lengthDelimited(2)) version = shortText(reader, 'version');
    else reader.skip();
  }
  return { name, version };
}

/** RepositoryIndexRequest: 1 repository_name, 2 ready. */
export function readIndexRequest(bytes: Uint8Array): { readonly repository: string; readonly isReadyOnly: boolean } {
  const reader = new WireReader(bytes, 'RepositoryIndexRequest');
  let repository = '';
  let isReadyOnly = false;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) repository = shortText(reader, 'repository_name');
    else if (reader.tag === varintTag(2)) isReadyOnly = reader.int64() !== 0n;
    else reader.skip();
  }
  return { repository, isReadyOnly };
}

export interface RepositoryRequest {
  readonly repository: string;
  readonly name: string;
  readonly parameters: Parameters;
  /** It is KServe's message, which has the name in field 1, and wants an answer with fields. */
  readonly isKServe: boolean;
}

/**
 * RepositoryModelLoadRequest and …UnloadRequest: Triton's is {1 repository_name, 2 model_name, 3 parameters}, KServe's
 * {1 model_name}, under the same name and path. A request without field 2 is KServe's.
 */
export function readRepositoryRequest(bytes: Uint8Array, what: string): RepositoryRequest {
  const reader = new WireReader(bytes, what);
  let first = '';
  let second = '';
  let parameters: ReadParameters;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) first = shortText(reader, 'repository_name');
    else if (reader.tag === lengthDelimited(2)) second = shortText(reader, 'model_name');
    else if (reader.tag === lengthDelimited(3)) parameters = readParameter(reader, 'parameters', parameters);
    else reader.skip();
  }
  const isKServe = second === '' && parameters === undefined;
  const repository = isKServe ? '' : first;
  return { repository, name: isKServe ? first : second, parameters: parameters ?? NO_PARAMETERS, isKServe };
}

/** Triton's answer has no fields; KServe's {1 model_name, 2 isLoaded or isUnloaded}. */
export function repositoryResponse({ name, isKServe }: RepositoryRequest): Uint8Array {
  return isKServe ? message(bytesField(1, name), varintField(2, true)) : message();
}

/** The names of the settings in TraceSettingRequest and LogSettingsRequest: 1 settings, a map. */
export function readSettingNames(bytes: Uint8Array, what: string): readonly string[] {
  const reader = new WireReader(bytes, what);
  const names: string[] = [];
  while (reader.next()) {
    if (reader.tag !== lengthDelimited(1)) {
      reader.skip();
      continue;
    }
    const outer = reader.enter();
    let name = '';
    while (reader.next()) {
      if (reader.tag === lengthDelimited(1)) name = reader.string();
      else reader.skip();
    }
    reader.leave(outer);
    names.push(name);
    // The first is refused, whatever follows.
    break;
  }
  return names;
}

/** TraceSettingResponse: 1 settings map<string, {1 value}>. */
export function traceSettingResponse(settings: ReadonlyMap<string, readonly string[]>): Uint8Array {
  const entries = [...settings].map(([name, values]) =>
    mapField(1, name, message(...values.map((value) => messageField(1, value)))),
  );
  return message(...entries);
}

/** LogSettingsResponse: 1 settings map<string, {1 bool, 2 uint32, 3 string}>. */
export function logSettingsResponse(settings: ReadonlyMap<string, boolean | number | string>): Uint8Array {
  return message(...[...settings].map(([name, value]) => mapField(1, name, logSetting(value))));
}

/** A value of a oneof is written even if it is the default. */
function logSetting(value: boolean | number | string): Uint8Array {
  if (typeof value === 'string') return messageField(3, value);
  const field = varintTag(typeof value === 'boolean' ? 1 : 2);
  return Number(value) === 0 ? Uint8Array.of(field, 0) : varintField(field >>> 3, value);
}
