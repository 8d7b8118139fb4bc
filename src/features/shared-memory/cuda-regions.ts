/**
 * Shared memory of GPUs, of which this server has none: clients that ask find no region, and clients that tidy up, as
 * Triton's examples do before and after every request, succeed. A registration is refused.
 */
import { ServingError } from '../../core/errors.ts';
import { cutName, quoteName } from '../../core/list-names.ts';
import type { Method } from '../../proxy/exchange.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import type { RestLookup } from '../open-inference/exported/extension.ts';
import { type Answer, lookupMethod } from '../open-inference/exported/grpc-lookup.ts';
import { reading } from '../open-inference/exported/rest-lookup.ts';
import { readRegionName } from './region-messages.ts';

const CUDA_MEMORY = ['/v2/cudasharedmemory', '/v2/cudasharedmemory/region/{region}'] as const;
const NOTHING = new Uint8Array(0);

export function cudaMethods(): readonly Method<Uint8Array, Uint8Array>[] {
  const method = (name: string, answer: Answer<string>): Method<Uint8Array, Uint8Array> =>
    lookupMethod({ name, access: undefined, read: (bytes) => readRegionName(bytes, `${name}Request`), answer });
  return [
    method('CudaSharedMemoryStatus', (region) => {
      checkNone(region);
      return NOTHING;
    }),
    method('CudaSharedMemoryRegister', refuse),
    method('CudaSharedMemoryUnregister', () => NOTHING),
  ];
}

export function cudaLookups(): readonly RestLookup[] {
  return [
    {
      kind: 'v2-cuda-status',
      method: 'CudaSharedMemoryStatus',
      http: 'GET',
      paths: CUDA_MEMORY.map((path) => `${path}/status`),
      summary: 'There are no regions of GPUs: an empty list.',
      answer: { [JSON_TYPE]: 'CudaRegions' },
      errors: [404],
      methodOf: (region) =>
        reading('CudaSharedMemoryStatus', undefined, () => {
          checkNone(region);
          return '[]';
        }),
    },
    {
      kind: 'v2-register-cuda',
      method: 'CudaSharedMemoryRegister',
      http: 'POST',
      paths: [`${CUDA_MEMORY[1]}/register`],
      summary: 'There is no shared memory of GPUs here: 501.',
      errors: [501],
      methodOf: () => reading('CudaSharedMemoryRegister', undefined, refuse),
    },
    {
      kind: 'v2-unregister-cuda',
      method: 'CudaSharedMemoryUnregister',
      http: 'POST',
      paths: CUDA_MEMORY.map((path) => `${path}/unregister`),
      summary: 'There are no regions of GPUs, so none is left: an empty body.',
      errors: [],
      methodOf: () => reading('CudaSharedMemoryUnregister', undefined, () => undefined),
    },
  ];
}

/** Throws `region_not_found` for a region that is named. */
function checkNone(region: string): void {
  if (region === '') return;
  const text = `Unable to find cuda shared memory region: '${cutName(region)}'; this server has none of GPUs`;
  throw new ServingError('region_not_found', text);
}

function refuse(region: unknown): never {
  const what = typeof region === 'string' && region !== '' ? ` (${quoteName(region)})` : '';
  throw new ServingError(
    'unsupported',
    `this server has no shared memory of GPUs${what}; send tensors in requests, or use system shared memory`,
  );
}
