/** The system shared memory extension over REST: status, registration and unregistration of regions. */
import type { Buffer } from 'node:buffer';
import { QUOTE } from '../../codec/json/json-chars.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import { invalidRequest } from '../../core/errors.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import { COUNT, list, object, TEXT } from '../../proxy/protocols/rest/json-schema.ts';
import type { RestLookup } from '../open-inference/exported/extension.ts';
import { asking, reading } from '../open-inference/exported/rest-lookup.ts';
import { readMembers } from '../open-inference/exported/small-body.ts';
import type { RegionDescription } from './region.ts';
import type { RegionFields } from './region-messages.ts';
import type { SharedMemory } from './shared-memory.ts';

const SYSTEM_MEMORY = ['/v2/systemsharedmemory', '/v2/systemsharedmemory/region/{region}'] as const;
/** A region is no model's: a caller needs a rule for all. */
const allModels = (): string => ALL_MODELS;

export const REGION_SCHEMAS = {
  RegionRequest: object({ key: TEXT, offset: COUNT, byte_size: COUNT }, ['key', 'byte_size']),
  Regions: list(object({ name: TEXT, key: TEXT, offset: COUNT, byte_size: COUNT }, ['name', 'key', 'byte_size'])),
  CudaRegions: list(object({})),
};
const REGION_FORM = '{"key": "/name", "offset": 0, "byte_size": 4096}';

export function restRegions(sharedMemory: SharedMemory): readonly RestLookup[] {
  return [
    {
      kind: 'v2-region-status',
      method: 'SystemSharedMemoryStatus',
      http: 'GET',
      paths: SYSTEM_MEMORY.map((path) => `${path}/status`),
      summary: 'The registered regions of shared memory, or one of them. Only with --allow_client_shm.',
      answer: { [JSON_TYPE]: 'Regions' },
      errors: [404, 501],
      methodOf: (region) =>
        reading(
          'SystemSharedMemoryStatus',
          'shared_memory',
          (_body, _model, context) => statusJson(sharedMemory.status(region, context)),
          allModels,
        ),
    },
    {
      kind: 'v2-register-region',
      method: 'SystemSharedMemoryRegister',
      http: 'POST',
      paths: [`${SYSTEM_MEMORY[1]}/register`],
      summary:
        'Registers a file in /dev/shm, or a part of one. Only with --allow_client_shm, and from the same machine.',
      request: { [JSON_TYPE]: 'RegionRequest' },
      errors: [409, 413, 501],
      methodOf: (region) =>
        asking(
          'SystemSharedMemoryRegister',
          'shared_memory',
          async (body, _model, context) => {
            sharedMemory.check(context);
            await sharedMemory.register({ name: region, ...readRegionBody(body) }, context);
            return undefined;
          },
          allModels,
        ),
    },
    {
      kind: 'v2-unregister-region',
      method: 'SystemSharedMemoryUnregister',
      http: 'POST',
      paths: SYSTEM_MEMORY.map((path) => `${path}/unregister`),
      summary: 'Unregisters the region, or all regions. Only with --allow_client_shm.',
      errors: [501],
      methodOf: (region) =>
        reading(
          'SystemSharedMemoryUnregister',
          'shared_memory',
          async (_body, _model, context) => {
            await sharedMemory.unregister(region, context);
            return undefined;
          },
          allModels,
        ),
    },
  ];
}

function statusJson(regions: readonly RegionDescription[]): string {
  const listed = regions.map(({ name, key, offset, byteSize }) => ({ name, key, offset, byte_size: byteSize }));
  return JSON.stringify(listed);
}

/** `{"key": "…", "offset": 0, "byte_size": 8}`; `offset` may be absent. Throws `invalid_request`. */
function readRegionBody(body: Buffer): Omit<RegionFields, 'name'> {
  const read = { key: '', offset: 0, byteSize: Number.NaN };
  readMembers(body, REGION_FORM, (cursor, name) => {
    const isText = cursor.skipSpace() === QUOTE;
    const start = cursor.at;
    if (name === 'key' && isText) {
      read.key = cursor.string();
      return;
    }
    cursor.skipValue();
    const number = isText ? Number.NaN : Number(cursor.text(start, cursor.at));
    if (name === 'offset') read.offset = number;
    else if (name === 'byte_size') read.byteSize = number;
  });
  if (read.key !== '' && !Number.isNaN(read.offset) && !Number.isNaN(read.byteSize)) return read;
  throw invalidRequest(`the body has no text "key", or no numbers "offset" and "byte_size"; send ${REGION_FORM}`);
}
