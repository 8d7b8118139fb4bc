/** The model repository extension over gRPC. */

import {
  type RepositoryRequest,
  readIndexRequest,
  readRepositoryRequest,
  repositoryIndexResponse,
  repositoryResponse,
} from '../../../codec/open-inference/repository-messages.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { lookupMethod } from '../../open-inference/exported/grpc-lookup.ts';
import { modelOf } from '../../open-inference/exported/model-reference.ts';
import type { Repository } from './repository.ts';

export function grpcMethods(repository: Repository): readonly Method<Uint8Array, Uint8Array>[] {
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
