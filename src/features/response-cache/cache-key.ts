/** The `cache` key of a model: how much of its answers is kept, and for how long. */
import * as v from 'valibot';
import { ModelKey } from '../../config/model-key.ts';
import { about, camelKeys, count, fields } from '../../config/yaml/kinds.ts';

const MAX_MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const DEFAULT_TTL_MS = 600_000;

const SCHEMA = v.pipe(
  fields({
    max_mib: about(
      count(1, MAX_MIB),
      'Most memory of kept answers and of the inputs that they are answers to, in MiB.',
    ),
    ttl_ms: v.optional(
      about(count(1, 365 * DAY_MS), 'How long an answer is given again. Default: 600000.'),
      BigInt(DEFAULT_TTL_MS),
    ),
  }),
  v.transform(camelKeys),
);

export const CACHE = new ModelKey({
  name: 'cache',
  schema: SCHEMA,
  help: 'Keeps answers, and gives them to the same requests again (src/features/response-cache/README.md).',
});
