/** The model repository extension over REST. */
import type { Buffer } from 'node:buffer';
import { LOWER_F, LOWER_T } from '../../../codec/json/json-chars.ts';
import { NO_PARAMETERS, type Parameters } from '../../../codec/open-inference/infer-request.ts';
import { readParameters } from '../../../codec/open-inference/rest/infer-parameters.ts';
import { invalidRequest } from '../../../core/errors.ts';
import { JSON_TYPE } from '../../../proxy/http1/answer-head.ts';
import { BOOLEAN, list, object, TEXT } from '../../../proxy/protocols/rest/json-schema.ts';
import { orNull, parameters } from '../../open-inference/exported/body-schemas.ts';
import type { RestLookup } from '../../open-inference/exported/extension.ts';
import { asking } from '../../open-inference/exported/rest-lookup.ts';
import { readMembers } from '../../open-inference/exported/small-body.ts';
import type { Repository, RepositoryEntry } from './repository.ts';

const REPOSITORY_STATE = { type: 'string', enum: ['READY', 'UNAVAILABLE', 'LOADING', 'UNLOADING'] };

export const REPOSITORY_SCHEMAS = {
  RepositoryIndexRequest: object({ ready: orNull(BOOLEAN) }),
  RepositoryIndex: list(object({ name: TEXT, version: TEXT, state: REPOSITORY_STATE, reason: TEXT }, ['name'])),
  RepositoryRequest: object({ parameters: orNull(parameters({})) }),
};

export function restLookups(repository: Repository): readonly RestLookup[] {
  const index = asking('RepositoryIndex', 'status', async (body, _model, context) =>
    JSON.stringify((await repository.index('', readIndexBody(body), context)).map(withoutEmpty)),
  );
  return [
    {
      kind: 'v2-index',
      method: 'RepositoryIndex',
      http: 'POST',
      paths: ['/v2/repository/index', '/v2/repository/{repository}/index'],
      summary: 'Every configured model with its versions and their states. A name of a repository has no meaning here.',
      request: { [JSON_TYPE]: 'RepositoryIndexRequest' },
      isBodyOptional: true,
      answer: { [JSON_TYPE]: 'RepositoryIndex' },
      errors: [],
      methodOf: () => index,
    },
    ...(['load', 'unload'] as const).map((verb) => changing(repository, verb)),
  ];
}

function changing(repository: Repository, verb: 'load' | 'unload'): RestLookup {
  const name = verb === 'load' ? 'RepositoryModelLoad' : 'RepositoryModelUnload';
  const method = asking(name, 'load', async (body, { name: model }, context) => {
    await repository[verb]('', model, readRepositoryBody(body), context);
    return undefined;
  });
  return {
    kind: `v2-${verb}`,
    method: name,
    http: 'POST',
    paths: [`/v2/repository/models/{model}/${verb}`],
    summary: `Asks for the ${verb} of a configured model, with --model_control_mode=explicit.`,
    request: { [JSON_TYPE]: 'RepositoryRequest' },
    isBodyOptional: true,
    errors: [404],
    methodOf: () => method,
  };
}

/** `{"ready": true}`: only versions that are ready. Throws `invalid_request`. */
function readIndexBody(body: Buffer): boolean {
  let isReadyOnly: boolean | undefined;
  readMembers(body, '{"ready": true}', (cursor, key) => {
    const byte = cursor.skipSpace();
    if (key === 'ready' && isReadyOnly === undefined) {
      if (byte !== LOWER_T && byte !== LOWER_F) {
        throw invalidRequest('"ready" is no boolean; send true for the models that are ready, false for all');
      }
      isReadyOnly = byte === LOWER_T;
    }
    cursor.skipValue();
  });
  return isReadyOnly ?? false;
}

/** `{"parameters": {…}}`. Throws `invalid_request`. */
function readRepositoryBody(body: Buffer): Parameters {
  let parameters: Parameters | undefined;
  readMembers(body, '{"parameters": {...}}', (cursor, key) => {
    if (key === 'parameters' && parameters === undefined) parameters = readParameters(cursor, 'parameters');
    else cursor.skipValue();
  });
  return parameters ?? NO_PARAMETERS;
}

/** Triton leaves out what it has nothing to say of. */
function withoutEmpty(entry: RepositoryEntry): object {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== ''));
}
