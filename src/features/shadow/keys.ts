/** `shadow` of a model, in the server's pillion.yaml and in the one beside the model, which the first overrides. */
import * as v from 'valibot';
import { AUTO_RUNTIME } from '../../config/model-config.ts';
import { ModelKey } from '../../config/model-key.ts';
import { about, fields, number, text } from '../../config/yaml/kinds.ts';
import { FileKey, type RuntimeSchema } from '../../models/model-file/file-key.ts';

/** A second runtime that runs copies of some batches, for comparison. */
export interface ShadowConfig {
  /** Its name, or `auto`: another one than the model's. */
  readonly runtime: string;
  /** Share of the batches; 0 = there is no shadow. */
  readonly sample: number;
}

const DEFAULT: ShadowConfig = { runtime: AUTO_RUNTIME, sample: 0.01 };
const HELP = 'Another runtime runs copies of some batches, and differences are counted.';

export const SHADOW = new ModelKey<ShadowConfig>({
  name: 'shadow',
  schema: fields({
    runtime: v.optional(about(text(), `Its name, or ${AUTO_RUNTIME}: another one than the model’s.`), DEFAULT.runtime),
    sample: v.optional(about(number(0, 1), 'Share of the batches.'), DEFAULT.sample),
  }),
  help: HELP,
  flags: {
    shadow: { path: ['shadow', 'runtime'], help: 'shadow=RUNTIME (or auto: another one)' },
    shadow_sample: {
      read: (sample) => (/^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(sample) ? Number(sample) : sample),
      path: ['shadow', 'sample'],
      wants: 'a number from 0 to 1, the share of batches to run twice',
      help: 'shadow_sample=SHARE (default 0.01)',
      beside: {
        key: 'shadow',
        error: `shadow_sample says how much is run twice; say on what with shadow=RUNTIME, or shadow=${AUTO_RUNTIME}`,
      },
    },
  },
  namesBackend: ({ runtime }) => runtime,
});

/** Exported for the test of docs/model.schema.json. */
export const fileSchema = (runtime: RuntimeSchema) =>
  fields(
    {
      runtime: about(
        v.nullish(runtime, DEFAULT.runtime),
        "A runtime's name, or auto for another one than the version's own.",
      ),
      sample: about(v.nullish(number(0, 1), DEFAULT.sample), 'The share of the batches that are copied.'),
    },
    'a map with runtime and sample',
  );

export const FILE_SHADOW = new FileKey<ShadowConfig>({ name: 'shadow', schema: fileSchema, help: HELP });
