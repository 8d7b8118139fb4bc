/** Adds the extension to the protocol. Where it is off, its methods and requests that need it are refused. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { EXTENSIONS, type Extension } from '../open-inference/exported/extension.ts';
import { cudaLookups, cudaMethods } from './cuda-regions.ts';
import { regionMethods } from './grpc-regions.ts';
import { SHARED_MEMORY_OPTIONS } from './options.ts';
import { RegionStore } from './region-store.ts';
import { REGION_SCHEMAS, restRegions } from './rest-regions.ts';
import { SharedMemory } from './shared-memory.ts';

export function installSharedMemory({ config, facts, service }: Installation): void {
  const { allow_client_shm } = optionsOf(config, SHARED_MEMORY_OPTIONS);
  const { grpc_socket_path, rest_socket_path } = config.options;
  const regions = allow_client_shm ? new RegionStore() : undefined;
  facts.get(EXTENSIONS)!.push(({ lifecycle, audit, maxMessageBytes, hasProxyAddresses }) => {
    const hasUnixSocket = grpc_socket_path !== '' || rest_socket_path !== '';
    const limits = { hasUnixSocket, hasProxyAddresses, maxTensorBytes: maxMessageBytes };
    return sharedMemoryExtension(new SharedMemory({ regions, ...limits, lifecycle, audit }));
  });
  // Requests have ended by then.
  service({ close: () => regions?.close() });
}

export function sharedMemoryExtension(sharedMemory: SharedMemory): Extension {
  return {
    names: sharedMemory.isOn ? ['system_shared_memory'] : [],
    grpc: [...regionMethods(sharedMemory), ...cudaMethods()],
    rest: [...restRegions(sharedMemory), ...cudaLookups()],
    schemas: REGION_SCHEMAS,
    tensorsOf: (request, context) => sharedMemory.tensorsOf(request, context),
  };
}
