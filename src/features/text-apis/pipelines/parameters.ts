/** The options of a call: {"parameters": {"top_k": 3}}. */
import { listNames, quoteName } from '../../../core/list-names.ts';
import { type Fields, isObject, wrongField } from '../text-body.ts';

const NONE: Fields = new Map();

/** Empty where there are none. Throws `invalid_request` for one that is not among `keys`. */
export function parametersIn(fields: Fields, keys: readonly string[]): Fields {
  const given = fields.get('parameters');
  if (given === undefined) return NONE;
  if (!isObject(given)) throw wrongField('parameters', '"parameters" is no object; send one');
  for (const key of given.members.keys()) {
    if (keys.includes(key)) continue;
    throw wrongField(
      'parameters',
      `there is no parameter ${quoteName(key)} of this call here; leave it out: there are ${listNames(keys)}`,
    );
  }
  return given.members;
}
