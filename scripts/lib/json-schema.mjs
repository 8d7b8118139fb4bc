/**
 * The schemas of files of configuration → JSON Schemas, for editors.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { toJsonSchema } from '@valibot/to-json-schema';
import { nullish } from 'valibot';

/** Checks and conversions that JSON Schema has no word for. */
const IGNORED = ['check', 'raw_check', 'transform'];

/**
 * The schemas by their names in docs/.
 * @param {string} code the directory of the compiled src/
 */
export async function configurationSchemas(code) {
  const load = (path) => import(pathToFileURL(join(code, path)));
  const { pillionSchema } = await load('config/yaml/pillion-yaml.js');
  const { serveKeys } = await load('config/options/serve-options.js');
  const { FEATURES } = await load('pillion.js');
  const { FEATURE, modelFileSchema, SIGNATURES } = await load('models/model-file/declaration.js');
  const { VALUE } = await load('models/model-file/value-schema.js');
  const hasFeature = (name) => FEATURES.features.some((feature) => feature.name === name);
  const signatures = "Signatures that a model has beside its graph's own (docs/reference/signatures.md)";
  return {
    'pillion.schema.json': jsonSchemaOf(
      pillionSchema(serveKeys(FEATURES)),
      'pillion.yaml',
      'Configuration of `pillion serve`: options by their names, and the models.',
    ),
    'model.schema.json': jsonSchemaOf(
      nullish(modelFileSchema(FEATURES.fileKeys)),
      "pillion.yaml in a version's directory",
      `${signatures}, and what runs it (docs/how-to/runtimes.md).`,
      { ...SIGNATURES, feature: FEATURE, value: VALUE },
    ),
    ...(hasFeature('authorization') && {
      'authorization.schema.json': jsonSchemaOf(
        (await load('features/authorization/authorization-schema.js')).AUTHORIZATION_SCHEMA,
        'The file of --authorization_file',
        'Who may ask which models for what (src/features/authorization/README.md).',
      ),
    }),
    ...(hasFeature('remote') && {
      'remote.schema.json': jsonSchemaOf(
        (await load('backends/remote/remote-file.js')).REMOTE_SCHEMA,
        "remote.yaml in a version's directory",
        'Which model of which server stands behind the version (docs/how-to/remote-models.md).',
      ),
    }),
  };
}

/**
 * @param {import('valibot').GenericSchema} schema as src/config/yaml/kinds.ts makes them
 * @param {string} title
 * @param {string} description
 * @param {Record<string, import('valibot').GenericSchema>} [definitions] parts that get a name
 */
function jsonSchemaOf(schema, title, description, definitions) {
  const made = toJsonSchema(schema, {
    definitions,
    ignoreActions: IGNORED,
    // Their metadata say all.
    overrideSchema: ({ valibotSchema }) => (valibotSchema.type === 'custom' ? {} : undefined),
  });
  const { $schema, $defs, ...rest } = JSON.parse(JSON.stringify(made, plain));
  const text = JSON.stringify({ $schema, title, description, ...rest, ...($defs && { definitions: $defs }) });
  return JSON.parse(text.replaceAll('#/$defs/', '#/definitions/'));
}

/** Bigints as numbers, what people read first, and nothing that says nothing. */
function plain(_, value) {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const { propertyNames, description, default: byDefault, ...rest } = withNull(value);
  if (Array.isArray(rest.required) && rest.required.length === 0) delete rest.required;
  return { description, default: byDefault, ...rest };
}

/** `anyOf: [X, null]` as X that may be null, where JSON Schema has a short form of it. */
function withNull({ anyOf, ...rest }) {
  if (anyOf === undefined) return rest;
  const [only] = anyOf;
  if (anyOf.length !== 2 || anyOf[1].type !== 'null') return { ...rest, anyOf };
  if (only.anyOf !== undefined) return { ...rest, anyOf: [...only.anyOf, { type: 'null' }] };
  const { type, ...others } = only;
  return only.enum === undefined
    ? { ...others, type: [type, 'null'], ...rest }
    : { ...others, enum: [...only.enum, null], ...rest };
}
