/** The schema of values of tensors in a model's pillion.yaml. */
import * as v from 'valibot';
import type { YamlValue } from '../../config/yaml/yaml-document.ts';

const VALUE_WANTS = 'a number, text, true, false or a list of them';

export const SCALARS = [
  v.string(),
  v.pipe(
    v.custom<number | bigint>((value) => /^(number|bigint)$/.test(typeof value)),
    v.metadata({ type: 'number' }),
  ),
  v.boolean(),
] as const;

export const VALUE: v.GenericSchema<unknown, YamlValue> = v.union(
  [...SCALARS, v.pipe(v.array(v.lazy(() => VALUE)), v.metadata({ minItems: 1 }))],
  VALUE_WANTS,
);
