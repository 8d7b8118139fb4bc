/** `--model=NAME=DIR[,key=value…]`: the short form of a model of pillion.yaml, read by the same schema. */
import * as v from 'valibot';
import { type ModelConfig, type ModelDefaults, modelOf, modelSchema } from './model-config.ts';
import type { FlagKey } from './model-key.ts';
import { absentKey, leftOut } from './read-options.ts';
import { innermost, pathOf } from './yaml/problems.ts';

const number = (text: string): unknown => (/^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : text);
const flag = (text: string): unknown => (text === 'true' || text === 'false' ? text === 'true' : text);
const numbers = (text: string): unknown => (/^\d+(\+\d+)*$/.test(text) ? text.split('+').map(BigInt) : text);

type FlagKeys = Readonly<Record<string, FlagKey>>;

const KEYS: FlagKeys = {
  backend: {},
  runtime: {},
  provider: {},
  devices: { read: numbers, wants: 'numbers of GPUs, such as 0 or 0+1' },
  host: {},
  isolate: { read: flag },
  process_group: {},
  slo_ms: { read: number },
  weight: { read: number, wants: 'a number from 0.01 to 100, such as 2' },
  versions: { read: numbers, wants: 'latest:N, all, or numbers such as 3+7' },
  batching: { wants: 'off; where its rows are is said in pillion.yaml' },
  breaker: { wants: 'off; how it works is said in pillion.yaml' },
};

/** "NAME=DIR[,key=value…]" → config, or an error text. */
export function parseModelFlag(text: string, defaults: ModelDefaults): { value: ModelConfig } | { error: string } {
  const [head, ...parts] = text.split(',');
  const [, name, directory] = /^([^=]+)=(.+)$/s.exec(head!) ?? [];
  if (name === undefined) return { error: 'wants NAME=DIR first, such as digits=/models/digits' };
  const { modelKeys = [] } = defaults;
  const keys: FlagKeys = Object.assign({}, KEYS, ...modelKeys.map(({ flags }) => flags));
  const texts = new Map<string, string>();
  for (const part of parts) {
    const [, key, value] = /^([^=]+)=(.+)$/s.exec(part) ?? [];
    if (key === undefined || value === undefined) return { error: `"${part}" wants the form key=value` };
    if (!Object.hasOwn(keys, key) && !(/^label\../.test(key) && /^\d+$/.test(value))) {
      const feature = absentKey(defaults, key);
      if (feature !== undefined) return { error: `${key} ${leftOut(feature)}` };
      return { error: `unknown key "${key}"; keys are ${Object.keys(keys).join(', ')} and label.NAME (a number)` };
    }
    texts.set(key, value);
  }
  for (const key of texts.keys()) {
    const beside = keys[key]?.beside;
    if (beside !== undefined && !texts.has(beside.key)) return { error: beside.error };
  }
  const { output, success, issues } = v.safeParse(modelSchema(modelKeys), {
    name,
    base_path: directory,
    ...entryOf(texts, keys),
  });
  if (!success) return { error: problemOf(issues[0], texts, keys) };
  // Any provider may be named here; ONNX Runtime refuses an unknown one at load.
  return {
    value: modelOf(output, { ...defaults, executionProvider: texts.get('provider') ?? defaults.executionProvider }),
  };
}

/** The model as an entry of pillion.yaml. */
function entryOf(texts: ReadonlyMap<string, string>, keys: FlagKeys): Record<string, unknown> {
  const entry: Record<string, unknown> = {};
  const labels = new Map<string, bigint>();
  for (const [key, text] of texts) {
    const { read, path, implied } = keys[key] ?? {};
    const value = read?.(text) ?? text;
    if (key.startsWith('label.')) labels.set(key.slice('label.'.length), BigInt(text));
    else if (path === undefined && key !== 'provider') entry[key] = value;
    else if (path !== undefined) entry[path[0]] = { ...implied, ...(entry[path[0]] as object), [path[1]]: value };
  }
  return { ...entry, labels: Object.fromEntries(labels) };
}

function problemOf(issue: v.BaseIssue<unknown>, texts: ReadonlyMap<string, string>, keys: FlagKeys): string {
  const [inner] = innermost(issue);
  const { type, message } = inner!;
  if (type === 'raw_check') return message;
  const [first, second] = pathOf(inner!);
  if (first === 'labels') return `label.${second}=${texts.get(`label.${second}`)} wants ${message}`;
  const [key, { wants }] = Object.entries(keys).find(([key, { path = [key] }]) => {
    return path[0] === first && (path.length === 1 || path[1] === second);
  })!;
  return `${key}=${texts.get(key)} wants ${wants ?? message}`;
}
