/**
 * The options of `pillion serve` → the parts of docs/reference/configuration.md that are made of them: the few that
 * matter first, and an entry of every option.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configurationSchemas } from './json-schema.mjs';
import { withParts } from './page-parts.mjs';

/** The first options to know, and when to set them. */
const FIRST = {
  model_base_path: 'to serve one model, with `--model_name`',
  config: 'to serve several, or to keep the options in a file',
  port: 'where another server has gRPC’s port',
  rest_api_port: 'where another server has REST’s port',
  bind_address: 'to `127.0.0.1`, where only this machine may ask',
  slo_ms: 'to the latency that you have promised: it decides what is batched and what is refused at once',
  max_batch_size: 'where a model’s memory or its graph bounds the rows of a run',
  state_dir: 'so that the next start knows what this one has learned',
  probe_port: 'in a pod: probes, autoscalers and Prometheus ask it',
  authorization_file: 'where not everybody who reaches a port may ask everything',
};

/** The kernel's tables: the heading of each, its file in config/options, and its name there. */
const TABLES = [
  ['Files', 'file-options.js', 'FILE_OPTIONS'],
  ['Ports and protocols', 'listener-options.js', 'LISTENER_OPTIONS'],
  ['TLS', 'tls-options.js', 'TLS_OPTIONS'],
  ['Connections', 'connection-options.js', 'CONNECTION_OPTIONS'],
  ['Bounds of requests', 'limit-options.js', 'LIMIT_OPTIONS'],
  ['Batching and the order of runs', 'batching-options.js', 'BATCHING_OPTIONS'],
  ['Cores and processes', 'host-options.js', 'HOST_OPTIONS'],
  ['Loading', 'loading-options.js', 'LOADING_OPTIONS'],
  ['Operators’ ports', 'operator-options.js', 'OPERATOR_OPTIONS'],
];
/** The last of them are in no table of their own. */
const MODELS = ['model_name', 'model_base_path', 'model'];
const OTHERS = 'Answers, drain and log';

/** Units by the end of an option's name, the longest first. */
const UNITS = [
  [/_(?:requests|rows)_per_s$|_per_second$/, 'a second'],
  [/_mib_per_s$/, 'MiB a second'],
  [/_micros$/, 'µs'],
  [/_(?:in_)?ms$/, 'ms'],
  [/_(?:s|secs|seconds)$/, 's'],
  [/_mib$/, 'MiB'],
  [/_bytes$/, 'bytes'],
  [/_percent$/, '%'],
];
const LARGEST = 2 ** 31 - 1;

/** The page with what is made of the options between its marks. */
export async function withOptions(page, code) {
  return withParts(page, 'options', await optionParts(code));
}

/**
 * The generated parts by the names of their marks in the page.
 * @param {string} code the directory of the compiled src/
 */
async function optionParts(code) {
  const load = (path) => import(pathToFileURL(join(code, path)));
  const { serveOptions } = await load('config/options/serve-options.js');
  const { FEATURES } = await load('pillion.js');
  const options = serveOptions(FEATURES);
  const { properties } = (await configurationSchemas(code))['pillion.schema.json'];
  const groups = [...(await kernelGroups(load, options, FEATURES)), ...featureGroups(FEATURES)];
  const grouped = new Set(groups.flatMap(({ names }) => names));
  const left = Object.keys(options).filter((name) => !grouped.has(name));
  if (left.length > 0) throw new Error(`options in no group of scripts/lib/option-entries.mjs: ${left.join(', ')}`);
  const sections = groups.map(({ heading, names }) =>
    [`### ${heading}`, ...names.map((name) => entryOf(name, options, properties[name]))].join('\n\n'),
  );
  return { 'first options': firstOf(options), options: sections.join('\n\n') };
}

async function kernelGroups(load, options, { options: ofFeatures }) {
  const groups = [{ heading: 'Models', names: MODELS }];
  for (const [heading, file, table] of TABLES) {
    groups.push({ heading, names: Object.keys((await load(`config/options/${file}`))[table]) });
  }
  const known = new Set([...groups.flatMap(({ names }) => names), ...Object.keys(ofFeatures)]);
  return [...groups, { heading: OTHERS, names: Object.keys(options).filter((name) => !known.has(name)) }];
}

function featureGroups({ features }) {
  const found = features.map(({ name, options = {} }) => ({
    heading: `Feature: ${name}`,
    names: Object.keys(options),
  }));
  return found.filter(({ names }) => names.length > 0);
}

function firstOf(options) {
  const rows = Object.entries(FIRST).filter(([name]) => Object.hasOwn(options, name));
  const lines = rows.map(([name, when]) => {
    const shown = defaultOf(name, options[name]);
    return `| [\`--${name}\`](#${name}) | ${shown === 'none' ? '' : shown} | ${when} |`;
  });
  return ['| option | default | set it |', '|---|---|---|', ...lines].join('\n');
}

/** @param {object | undefined} schema its JSON Schema in pillion.yaml; undefined = the file may not have it */
function entryOf(name, options, schema) {
  const { placeholder, default: value, isRepeatable, otherName, help } = options[name];
  const given = placeholder === '' ? String(!value) : placeholder;
  const forms = [
    `\`--${name}${placeholder === '' && given === 'true' ? '' : `=${given}`}\``,
    ...(otherName === undefined ? [] : [`\`--${otherName}\``]),
    `\`PILLION_${name.toUpperCase()}\``,
    schema === undefined ? 'not in pillion.yaml' : `\`${name}:\``,
  ];
  const facts = [valuesOf(schema, placeholder), unitOf(name), isRepeatable && 'several times'];
  const about = [...facts.filter(Boolean), `default: ${defaultOf(name, options[name])}`].join(', ');
  return `#### ${name}\n\n${forms.join(' · ')} · ${about}\n\n${markdownOf(help, options)}`;
}

function defaultOf(name, { default: value }) {
  if (value === '' || (Array.isArray(value) && value.length === 0)) return 'none';
  const mib = value / 2 ** 20;
  const isMib = name.endsWith('_bytes') && Number.isInteger(mib) && mib > 0;
  return `\`${value}\`${isMib ? ` (${mib} MiB)` : ''}`;
}

function valuesOf(schema, placeholder) {
  if (schema?.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (placeholder === '') return 'true or false';
  if (schema?.type === 'array' && schema.items.type === 'integer') return 'whole numbers';
  if (schema?.type !== 'integer' && schema?.type !== 'number') return undefined;
  const { type, minimum, maximum } = schema;
  const range = maximum >= LARGEST ? `from ${minimum}` : `${minimum} to ${maximum}`;
  return `${type === 'integer' ? 'whole number' : 'number'} ${range}`;
}

function unitOf(name) {
  return UNITS.find(([end]) => end.test(name))?.[1];
}

/** A help text in Markdown: its paths of pages and its options are links. */
function markdownOf(help, options) {
  const parts = help.split(/(`[^`]*`)/);
  return parts.map((part) => (part.startsWith('`') ? part : linked(part, options))).join('');
}

function linked(text, options) {
  const escaped = text.replaceAll(/[*<[\]|{}]/g, '\\$&');
  const withPages = escaped.replaceAll(/\b(docs|src)\/[\w/-]+\.md\b/g, (path, folder) => {
    const [page, parent] = path.split('/').reverse();
    const shown = page === 'README.md' ? parent : page;
    return `[${shown}](${folder === 'docs' ? path.replace('docs/', '../') : `../../${path}`})`;
  });
  return withPages.replaceAll(/--([a-z][\w-]*)(?:=\w+)?/g, (flag, written) => {
    const name = written.replaceAll('-', '_');
    return Object.hasOwn(options, name) ? `[\`${flag}\`](#${name})` : `\`${flag}\``;
  });
}
