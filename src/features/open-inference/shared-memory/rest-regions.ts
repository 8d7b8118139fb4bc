/** The system shared memory extension over REST: status, registration and unregistration of regions. */
import { Buffer } from 'node:buffer';
import { QUOTE } from '../../../codec/json/json-chars.ts';
import type { RegionFields } from '../../../codec/open-inference/region-messages.ts';
import { ALL_MODELS } from '../../../core/access-method.ts';
import { invalidRequest } from '../../../core/errors.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { readMembers } from '../exported/small-body.ts';
import type { RegionDescription } from './region.ts';
import type { SharedMemory } from './shared-memory.ts';

const EMPTY = Buffer.alloc(0);
const REGION_FORM = '{"key": "/name", "offset": 0, "byte_size": 4096}';

/** The method of one request, by the kind of its route; undefined for another kind. `region`: in the path, or ''. */
export function regionMethod(sharedMemory: SharedMemory, kind: string, region: string): Method<Buffer> | undefined {
  switch (kind) {
    case 'v2-region-status':
      return method('SystemSharedMemoryStatus', true, (_body, context) =>
        statusJson(sharedMemory.status(region, context)),
      );
    case 'v2-register-region':
      return method('SystemSharedMemoryRegister', false, async (body, context) => {
        sharedMemory.check(context);
        await sharedMemory.register({ name: region, ...readRegionBody(body) }, context);
        return EMPTY;
      });
    case 'v2-unregister-region':
      return method('SystemSharedMemoryUnregister', true, async (_body, context) => {
        await sharedMemory.unregister(region, context);
        return EMPTY;
      });
    default:
      return undefined;
  }
}

function method(
  name: string,
  hasNoBody: boolean,
  answer: (body: Buffer, context: RequestContext) => Buffer | Promise<Buffer>,
): Method<Buffer, Buffer> {
  return {
    name,
    // A region is no model's: a caller needs a rule for all.
    access: 'shared_memory',
    hasNoBody,
    // The body is lent for this turn, and `answer` reads it in this turn.
    decode: (body, _path, context) => lookupCall(ALL_MODELS, () => answer(body, context)),
    encode: (found) => found,
  };
}

function statusJson(regions: readonly RegionDescription[]): Buffer {
  const listed = regions.map(({ name, key, offset, byteSize }) => ({ name, key, offset, byte_size: byteSize }));
  return Buffer.from(JSON.stringify(listed));
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
