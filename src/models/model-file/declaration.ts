/**
 * The schema of a model's pillion.yaml, and what it declares before it is checked against the graph.
 * docs/reference/signatures.md explains the file; docs/model.schema.json, for editors, is generated from this schema
 * (npm run gen -- schema).
 */
import { Buffer } from 'node:buffer';
import * as v from 'valibot';
import { BATCHING_OFF, DECLARATION_KEYS, type DeclaredBatching } from '../../config/batch-declaration.ts';
import { AUTO_RUNTIME } from '../../config/model-config.ts';
import {
  about,
  byKey,
  camelKeys,
  choice,
  fields,
  integer,
  isMap,
  named,
  optional,
  SCALARS,
  text,
} from '../../config/yaml/kinds.ts';
import { quote, readDocument, suggestion, type Wording } from '../../config/yaml/problems.ts';
import type { YamlDocument, YamlPart, YamlValue } from '../../config/yaml/yaml-document.ts';
import { FEATURE_KINDS } from '../../core/feature-spec.ts';
import type { FileKey, FileKeys, RuntimeSchema } from './file-key.ts';
import { INPUTS, type InputHint, SAMPLES, type Sample } from './try-out-schema.ts';
import { VALUE } from './value-schema.ts';

export const METHODS = ['predict', 'classify', 'regress'] as const;

const SHAPE_WANTS = 'a list of sizes such as [28, 28]; only the first may be -1, for any number of rows';
const LABELS_WANTS = 'a list of labels, or the name of a file beside this one with one label a line';
const FEATURE_WANTS = `the name of the graph's input, or a map with input, dtype, shape, default`;

const NAME = v.nullish(text('the name that the graph has for it'));
/** Alias → the graph's name, which is the alias if none is given. */
const namesOf = (what: string) =>
  v.pipe(
    named(NAME, `the graph's ${what} by the names to give them`),
    v.transform((names) => new Map([...names].map(([alias, name]) => [alias, name ?? alias]))),
  );
const outputsOf = (outputs: Readonly<Record<string, string>>) => {
  const properties = Object.entries(outputs).map(([name, description]) => [
    name,
    { type: ['string', 'null'], description },
  ]);
  const json = { additionalProperties: false, minProperties: 1, properties: Object.fromEntries(properties) };
  return v.optional(v.pipe(namesOf('outputs'), v.metadata(json)));
};

const SHAPE = v.pipe(
  v.array(v.pipe(integer(-1, 2 ** 31 - 1), v.metadata({ not: { const: 0 } })), SHAPE_WANTS),
  v.check(
    (dims) => dims.every((dim, i) => dim > 0 || (i === 0 && dim !== 0n)),
    `this is no shape of an example; write ${SHAPE_WANTS}`,
  ),
  v.transform((dims) => dims.map(Number)),
);

export const FEATURE = fields(
  {
    input: optional(text('a name'), "The graph's input. By default the one with the feature's name."),
    dtype: optional(choice(FEATURE_KINDS), 'The type of its values in the example.'),
    shape: optional(SHAPE, 'The shape of one example. The first size may be -1: padded to the longest of the request.'),
    default: optional(VALUE, 'The value for examples without the feature.'),
  },
  FEATURE_WANTS,
);

export type FeatureDeclaration = v.InferOutput<typeof FEATURE>;

/** `pixels:`, `pixels: input` or `pixels: {input: …}`. */
const FEATURES = about(
  v.nullish(
    named(
      v.pipe(
        v.nullish(v.union([text(), FEATURE], FEATURE_WANTS)),
        v.transform((value): FeatureDeclaration => (typeof value === 'string' ? { input: value } : (value ?? {}))),
      ),
      'a map of features by name',
    ),
  ),
  'Features by their name in the tf.Example. Each input of the graph is filled by one.',
);

const LABELS = v.union(
  [
    text(),
    v.pipe(
      v.array(v.union(SCALARS, 'a label'), LABELS_WANTS),
      v.nonEmpty(`list is empty; write ${LABELS_WANTS}`),
      // YAML reads 7 as a number and true as a boolean; a label is the text.
      v.transform((labels) => labels.map((label) => Buffer.from(String(label)))),
    ),
  ],
  LABELS_WANTS,
);

/** The schema of a signature, by method. */
export const SIGNATURES = {
  predict: about(
    fields({
      method: v.literal('predict'),
      inputs: about(v.nullish(namesOf('inputs')), "Alias: the graph's input. By default all."),
      outputs: about(v.nullish(namesOf('outputs')), "Alias: the graph's output. By default all."),
      defaults: about(
        v.nullish(named(VALUE, 'a map of values by the name of their input')),
        'Alias: the value for requests without the input; one row.',
      ),
    }),
    'Tensors in, tensors out, under names of your choice.',
  ),
  classify: about(
    fields({
      method: v.literal('classify'),
      features: FEATURES,
      outputs: outputsOf({
        classes: 'A string output, [examples, classes].',
        scores: 'A float32 output, [examples, classes].',
      }),
      labels: optional(LABELS, 'Names of the columns of scores: a list, or a file beside this one with one a line.'),
    }),
    'tf.Examples in, labels with scores out.',
    { required: ['method', 'outputs'] },
  ),
  regress: about(
    fields({
      method: v.literal('regress'),
      features: FEATURES,
      outputs: outputsOf({ outputs: 'A float32 output, [examples] or [examples, 1].' }),
    }),
    'tf.Examples in, one number for each out.',
    { required: ['method', 'outputs'] },
  ),
};

const BATCHING_WANTS = 'off, or a map with inputs, outputs and pad_values';

export const BATCHING = v.union(
  [...BATCHING_OFF, v.pipe(fields(DECLARATION_KEYS, BATCHING_WANTS), v.transform(camelKeys))],
  BATCHING_WANTS,
);

/** The keys before and after those of features. */
const keysWith = (runtime: RuntimeSchema) =>
  [
    {
      signatures: about(
        v.nullish(
          named(
            byKey(
              'method',
              METHODS,
              [SIGNATURES.predict, SIGNATURES.classify, SIGNATURES.regress],
              `a map with "method" and more (${METHODS.join(', ')})`,
            ),
            'a map of signatures by name',
          ),
        ),
        "Signatures by name. serving_default replaces the graph's own.",
      ),
      runtime: about(
        v.nullish(runtime),
        "The runtime, unless the server's configuration names one: a name, or auto for the fastest.",
      ),
      batching: about(
        v.nullish(BATCHING),
        "Where the rows of requests are, which share runs. off: each request is run as it came. The server's configuration overrides it.",
      ),
    },
    {
      inputs: about(v.nullish(INPUTS), "What people should know of the graph's inputs who try the model."),
      samples: about(v.nullish(SAMPLES), 'Inputs to try: a list, or the name of a file beside this one that holds it.'),
    },
  ] as const;

/** The schema of the whole file; docs/model.schema.json is generated from it. */
export function modelFileSchema({ keys: others, runtimes }: FileKeys) {
  const runtime = choice([AUTO_RUNTIME, ...runtimes]);
  const [first, last] = keysWith(runtime);
  const ofFeatures = others.map((key) => [key.name, about(v.nullish(key.schemaWith(runtime)), key.help)]);
  const keys: typeof first & typeof last = { ...first, ...Object.fromEntries(ofFeatures), ...last };
  return fields(keys, `a map with the keys ${Object.keys(keys).join(', ')}`);
}

/** A signature of the file. */
export interface SignatureDeclaration {
  readonly name: string;
  /** Its place in the file. */
  readonly part: YamlPart;
  readonly method: (typeof METHODS)[number];
  /** Alias → the graph's input. Absent = all of them, by their own names. */
  readonly inputs?: ReadonlyMap<string, string> | null | undefined;
  readonly features?: ReadonlyMap<string, FeatureDeclaration> | null | undefined;
  /** Alias → the graph's output. Absent = all of them. */
  readonly outputs?: ReadonlyMap<string, string> | null | undefined;
  /** The default values by alias. */
  readonly defaults?: ReadonlyMap<string, YamlValue> | null | undefined;
  /** The labels, or the name of a file that holds them. */
  readonly labels?: readonly Uint8Array[] | string | undefined;
}

/** The model's runtime. The server's configuration overrides it. */
export interface RuntimeDeclaration {
  readonly runtime: string | undefined;
}

/** The file's `batching`; undefined = the server finds out itself. */
type BatchingDeclaration = DeclaredBatching | 'off' | undefined;

/** Help for people who try the model. */
export interface TryOutDeclaration {
  /** Hints by the graph's input. */
  readonly inputs: ReadonlyMap<string, InputHint>;
  /** The samples, or the name of a file that holds them. */
  readonly samples: readonly Sample[] | string;
}

/** The file's declarations. Errors are added to the file's problems. */
export function readDeclarations(
  file: YamlDocument,
  features: FileKeys,
): RuntimeDeclaration & {
  readonly signatures: readonly SignatureDeclaration[];
  readonly batching: BatchingDeclaration;
  /** Values of the features' keys that the file has. */
  readonly values: ReadonlyMap<FileKey<unknown>, unknown>;
  readonly tryOut: TryOutDeclaration;
} {
  const declared = file.data === null ? undefined : readDocument(file, modelFileSchema(features), WORDING);
  const given = { ...declared } as Readonly<Record<string, unknown>>;
  const values = features.keys.map((key) => [key, given[key.name] ?? undefined] as const);
  return {
    signatures: [...(declared?.signatures ?? [])].map(([name, signature]) => ({
      name,
      part: file.part(['signatures', name]),
      ...signature,
    })),
    runtime: declared?.runtime ?? undefined,
    batching: declared?.batching ?? undefined,
    values: new Map(values.filter(([, value]) => value !== undefined)),
    tryOut: { inputs: declared?.inputs ?? new Map(), samples: declared?.samples ?? [] },
  };
}

export const WORDING: Wording = {
  wrong(path, input, wants, words) {
    if (words === undefined || typeof input !== 'string') return `this is ${kindOf(input)}; write ${wants}`;
    return `there is no ${path.at(-1)} ${quote(input)}${suggestion(input, words)}`;
  },
  bad: (_, problem) => `this ${problem}`,
  unknownKey: (_, key, known) => `unknown key ${quote(key)}${suggestion(key, known)}`,
  missingKey: ([section, ...rest], key) =>
    section === 'signatures'
      ? `signature ${quote(String(rest.at(-1)))} has no "${key}"; write one of ${METHODS.join(', ')}`
      : `this has no "${key}"; add it`,
  noValue: (_, wants) => `this is empty; write ${wants}`,
};

function kindOf(value: unknown): string {
  if (isMap(value)) return 'a map';
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'empty';
  if (typeof value === 'string') return `the text ${quote(value)}`;
  return typeof value === 'boolean' ? String(value) : `the number ${String(value)}`;
}
