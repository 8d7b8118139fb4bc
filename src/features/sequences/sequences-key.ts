/** The `sequences` key of a model: bounds of the states that it keeps. Defaults: sequence-limits.ts. */
import * as v from 'valibot';
import { ModelKey } from '../../config/model-key.ts';
import { camelKeys, count, fields, optional } from '../../config/yaml/kinds.ts';

const MAX_COUNT = 2 ** 20;
const MAX_MIB = 2 ** 20;
const DAY_MS = 86_400_000;

const SCHEMA = v.pipe(
  fields({
    max: optional(count(1, MAX_COUNT), 'Most sequences at a time. Default: 4096.'),
    max_per_caller: optional(count(1, MAX_COUNT), 'Most of one caller. Default: 1024.'),
    max_mib: optional(count(1, MAX_MIB), 'Most memory of all states, in MiB. Default: 256.'),
    max_mib_per_caller: optional(count(1, MAX_MIB), 'Most memory of one caller’s states, in MiB. Default: 64.'),
    idle_ms: optional(count(1, DAY_MS), 'A sequence without a step for so long has expired. Default: 60000.'),
  }),
  v.transform(camelKeys),
);

export const SEQUENCES = new ModelKey({
  name: 'sequences',
  schema: SCHEMA,
  help: 'Bounds of the states that it keeps for sequences of requests (src/features/sequences/README.md).',
  // Limits are looked up when a sequence wants room.
  isReadLate: true,
});
