/**
 * What a model's pillion.yaml says, before it is held against the graph. docs/signatures.md explains the file,
 * docs/model.schema.json describes it to editors; both name the keys below.
 */
import { Buffer } from 'node:buffer';
import { quote, suggestion, type YamlFile, type YamlMember, type YamlNode, type YamlValue } from './yaml-file.ts';

export const FILE_KEYS = ['signatures', 'runtime', 'shadow'] as const;
export const METHODS = ['predict', 'classify', 'regress'] as const;
export type Method = (typeof METHODS)[number];
/** Keys of a signature, by its method. */
export const SIGNATURE_KEYS: Readonly<Record<Method, readonly string[]>> = {
  predict: ['method', 'inputs', 'outputs', 'defaults'],
  classify: ['method', 'features', 'outputs', 'labels'],
  regress: ['method', 'features', 'outputs'],
};
export const FEATURE_KEYS = ['input', 'dtype', 'shape', 'default'] as const;

/** Something of the file, and where: "path:line:column". */
export interface Spot<T> {
  readonly value: T;
  readonly at: string;
}

/** The value of a key, and where the key is. */
export interface Named<T> extends Spot<T> {
  readonly keyAt: string;
}

export interface FeatureDeclaration {
  readonly name: string;
  readonly at: string;
  /** The graph's input; by default of the feature's own name. */
  readonly input: Spot<string>;
  readonly dtype: Spot<string> | undefined;
  readonly shape: Spot<readonly number[]> | undefined;
  readonly filler: Spot<YamlValue> | undefined;
}

export interface SignatureDeclaration {
  readonly name: string;
  readonly at: string;
  readonly method: Method;
  /** Alias → the graph's input. Undefined = all of them, by their own names. */
  readonly inputs: ReadonlyMap<string, Named<string>> | undefined;
  readonly features: readonly FeatureDeclaration[];
  /** Alias → the graph's output. Undefined = all of them. */
  readonly outputs: ReadonlyMap<string, Named<string>> | undefined;
  /** By alias. */
  readonly defaults: ReadonlyMap<string, Named<YamlValue>>;
  /** As they are, or the name of a file that holds them. */
  readonly labels: Spot<readonly Uint8Array[] | string> | undefined;
}

/** The signatures that the file declares; what is wrong with it is in `file.problems`. */
export function readDeclarations(file: YamlFile): readonly SignatureDeclaration[] {
  if (file.isEmpty(file.root)) return [];
  const top = file.knownMembers(file.root, `a map with the keys ${FILE_KEYS.join(', ')}`, FILE_KEYS);
  const signatures = top?.get('signatures');
  if (signatures === undefined || file.isEmpty(signatures.value)) return [];
  const members = file.members(signatures.value, 'a map of signatures by name') ?? [];
  return members.map((member) => readSignature(file, member)).filter((each) => each !== undefined);
}

function readSignature(file: YamlFile, { key: name, at, value }: YamlMember): SignatureDeclaration | undefined {
  const members = file.members(value, `a map with "method" and more (${METHODS.join(', ')})`);
  if (members === undefined) return undefined;
  const method = readMethod(file, name, at, members);
  if (method === undefined) return undefined;
  const known = file.knownMembers(value, 'a map', SIGNATURE_KEYS[method])!;
  const names = (key: string) => readNames(file, known.get(key)?.value, `the graph's ${key} by the names to give them`);
  return {
    name,
    at,
    method,
    inputs: names('inputs'),
    features: readFeatures(file, known.get('features')?.value),
    outputs: names('outputs'),
    defaults: readDefaults(file, known.get('defaults')?.value),
    labels: readLabels(file, known.get('labels')),
  };
}

function readMethod(file: YamlFile, name: string, at: string, members: readonly YamlMember[]): Method | undefined {
  const member = members.find(({ key }) => key === 'method');
  const wants = `one of ${METHODS.join(', ')}`;
  if (member === undefined) return file.report(at, `signature ${quote(name)} has no "method"; write ${wants}`);
  const text = file.text(member.value, wants);
  if (text === undefined) return undefined;
  const method = METHODS.find((each) => each === text);
  if (method !== undefined) return method;
  return file.report(file.at(member.value), `there is no method ${quote(text)}${suggestion(text, METHODS)}`);
}

function readNames(file: YamlFile, node: YamlNode, wants: string): ReadonlyMap<string, Named<string>> | undefined {
  if (file.isEmpty(node)) return undefined;
  const names = new Map<string, Named<string>>();
  for (const { key, at, value } of file.members(node, wants) ?? []) {
    const text = file.isEmpty(value) ? key : file.text(value, 'the name that the graph has for it');
    if (text !== undefined) names.set(key, { value: text, at: file.isEmpty(value) ? at : file.at(value), keyAt: at });
  }
  return names;
}

function readFeatures(file: YamlFile, node: YamlNode): readonly FeatureDeclaration[] {
  if (file.isEmpty(node)) return [];
  const members = file.members(node, 'a map of features by name') ?? [];
  return members.map((member) => readFeature(file, member));
}

/** `pixels:`, `pixels: input` or `pixels: {input: …}`. */
function readFeature(file: YamlFile, { key: name, at, value }: YamlMember): FeatureDeclaration {
  const plain: FeatureDeclaration = {
    name,
    at,
    input: { value: name, at },
    dtype: undefined,
    shape: undefined,
    filler: undefined,
  };
  if (file.isEmpty(value)) return plain;
  const wants = `the name of the graph's input, or a map with ${FEATURE_KEYS.join(', ')}`;
  if (!file.isMap(value)) {
    const input = file.text(value, wants);
    return input === undefined ? plain : { ...plain, input: { value: input, at: file.at(value) } };
  }
  const known = file.knownMembers(value, wants, FEATURE_KEYS)!;
  const text = (key: string): Spot<string> | undefined => {
    const node = known.get(key)?.value;
    const found = node === undefined ? undefined : file.text(node, 'a name');
    return found === undefined ? undefined : { value: found, at: file.at(node) };
  };
  return {
    ...plain,
    input: text('input') ?? plain.input,
    dtype: text('dtype'),
    shape: readShape(file, known.get('shape')?.value),
    filler: readValue(file, known.get('default')?.value),
  };
}

function readShape(file: YamlFile, node: YamlNode): Spot<readonly number[]> | undefined {
  if (node === undefined || node === null) return undefined;
  const wants = 'a list of sizes such as [28, 28]; only the first may be -1, for any number of rows';
  const dims = file.items(node, wants)?.map((item) => file.value(item));
  if (dims === undefined || dims.includes(undefined)) return undefined;
  const isRight = dims.every((dim, i) => typeof dim === 'bigint' && (dim >= 1n || (i === 0 && dim === -1n)));
  if (isRight && dims.every((dim) => (dim as bigint) < 2n ** 31n))
    return { value: dims.map(Number), at: file.at(node) };
  return file.report(file.at(node), `this is no shape of an example; write ${wants}`);
}

function readDefaults(file: YamlFile, node: YamlNode): ReadonlyMap<string, Named<YamlValue>> {
  const defaults = new Map<string, Named<YamlValue>>();
  if (file.isEmpty(node)) return defaults;
  for (const { key, at, value } of file.members(node, 'a map of values by the name of their input') ?? []) {
    const found = readValue(file, value);
    if (found !== undefined) defaults.set(key, { ...found, keyAt: at });
  }
  return defaults;
}

function readValue(file: YamlFile, node: YamlNode): Spot<YamlValue> | undefined {
  if (node === undefined) return undefined;
  const value = file.value(node);
  return value === undefined ? undefined : { value, at: file.at(node) };
}

function readLabels(file: YamlFile, member: YamlMember | undefined): SignatureDeclaration['labels'] {
  if (member === undefined) return undefined;
  const { value: node } = member;
  const at = file.at(node);
  const wants = 'a list of labels, or the name of a file beside this one with one label a line';
  if (!file.isList(node)) {
    const name = file.text(node, wants);
    return name === undefined ? undefined : { value: name, at };
  }
  const labels = (file.items(node, wants) ?? []).map((item) => file.value(item));
  if (labels.some((label) => label === undefined)) return undefined;
  if (labels.some((label) => typeof label === 'object')) return file.report(at, `labels in labels; write ${wants}`);
  if (labels.length === 0) return file.report(at, `the list is empty; write ${wants}`);
  // YAML reads 7 as a number and true as a boolean; as labels they are the words.
  return { value: labels.map((label) => Buffer.from(String(label))), at };
}
