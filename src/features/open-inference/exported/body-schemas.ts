/** Parts of JSON Schemas of bodies. */
import { MAX_NAMES } from '../../../codec/open-inference/infer-request.ts';

/** A key whose value is null is not there. */
export function orNull(schema: object): object {
  return { anyOf: [schema, { type: 'null' }] };
}

/** Those that are known, with a value; any other key with a string, a number or a boolean. */
export function parameters(known: Readonly<Record<string, object>>): object {
  return {
    type: 'object',
    properties: known,
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    propertyNames: { not: { pattern: '^triton_' } },
    maxProperties: MAX_NAMES,
  };
}
