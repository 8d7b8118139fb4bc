/** The messages of the model repository extension, of grpc_service.proto. */

import { lengthDelimited, varintTag, WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, message, messageField, varintField } from '../protobuf/wire-writer.ts';
import { NO_PARAMETERS, type Parameters } from './infer-request.ts';
import { type ReadParameters, readParameter } from './parameter-codec.ts';
import { shortText } from './short-text.ts';

export interface IndexAnswer {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
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

/** RepositoryIndexResponse: 1 models {1 name, 2 version, 3 state, 4 reason}. */
export function repositoryIndexResponse(models: readonly IndexAnswer[]): Uint8Array {
  const entries = models.map(({ name, version, state, reason }) =>
    messageField(1, message(bytesField(1, name), bytesField(2, version), bytesField(3, state), bytesField(4, reason))),
  );
  return message(...entries);
}
