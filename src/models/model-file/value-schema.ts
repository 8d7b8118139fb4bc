/** The schema of values of tensors in a model's pillion.yaml. */
import * as v from 'valibot';
import { SCALARS } from '../../config/yaml/kinds.ts';
import type { YamlValue } from '../../config/yaml/yaml-document.ts';

const VALUE_WANTS = 'a number, text, true, false or a list of them';

export const VALUE: v.GenericSchema<unknown, YamlValue> = v.union(
  [...SCALARS, v.pipe(v.array(v.lazy(() => VALUE)), v.metadata({ minItems: 1 }))],
  VALUE_WANTS,
);
