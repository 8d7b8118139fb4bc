/** Methods of REST that run no model. */
import { Buffer } from 'node:buffer';
import type { AccessMethod } from '../../../core/access-method.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { modelOf } from './model-reference.ts';

/** The body that a lookup answers with: undefined = an empty one. */
export type Found = string | undefined;

type Lookup = (body: Buffer, model: ModelSpec, context: RequestContext) => Found | Promise<Found>;

const EMPTY = Buffer.alloc(0);

/** A method whose requests have no body, or one that is not read. */
export function reading(...method: Parameters<typeof asking>): Method<Buffer, Found> {
  return { ...asking(...method), hasNoBody: true };
}

/**
 * A method that runs no model. `access`: what its caller must be allowed, for the model that `asked` gives: by default
 * the path's.
 */
export function asking(
  name: string,
  access: AccessMethod | undefined,
  find: Lookup,
  asked: (path: ModelSpec) => string | undefined = modelOf,
): Method<Buffer, Found> {
  return {
    name,
    access,
    // The body is lent for this turn, and `find` reads it in this turn.
    decode: (body, path, context) => lookupCall(asked(path), () => find(body, path, context)),
    encode: (found) => (found === undefined ? EMPTY : Buffer.from(found, 'utf8')),
  };
}
