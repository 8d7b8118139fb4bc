/** The system shared memory extension over gRPC. */
import { ALL_MODELS } from '../../core/access-method.ts';
import type { Method } from '../../proxy/exchange.ts';
import { type Answer, lookupMethod } from '../open-inference/exported/grpc-lookup.ts';
import { readRegion, readRegionName, regionStatusResponse } from './region-messages.ts';
import type { SharedMemory } from './shared-memory.ts';

const NOTHING = new Uint8Array(0);

/** A region is no model's: a caller needs a rule for all. */
export function regionMethods(sharedMemory: SharedMemory): readonly Method<Uint8Array, Uint8Array>[] {
  const region = <Question>(
    name: string,
    read: (bytes: Uint8Array, what: string) => Question,
    answer: Answer<Question>,
  ): Method<Uint8Array, Uint8Array> =>
    lookupMethod({
      name,
      access: 'shared_memory',
      read: (bytes) => read(bytes, `${name}Request`),
      modelOf: () => ALL_MODELS,
      answer,
    });
  return [
    region('SystemSharedMemoryStatus', readRegionName, (name, context) =>
      regionStatusResponse(sharedMemory.status(name, context)),
    ),
    region('SystemSharedMemoryRegister', readRegion, async (wanted, context) => {
      await sharedMemory.register(wanted, context);
      return NOTHING;
    }),
    region('SystemSharedMemoryUnregister', readRegionName, async (name, context) => {
      await sharedMemory.unregister(name, context);
      return NOTHING;
    }),
  ];
}
