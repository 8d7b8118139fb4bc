/**
 * What a model's pillion.yaml says of what runs it: `runtime: auto` and `shadow: {runtime, sample}`, as the server's
 * configuration has them, which goes before. A model is data: it names runtimes that are built in, and no module.
 */
import { BACKEND_KINDS } from '../../backends/registry.ts';
import { AUTO_RUNTIME, DEFAULT_SHADOW, type ShadowConfig } from '../../config/model-config.ts';
import { quote, suggestion, type YamlFile, type YamlNode } from './yaml-file.ts';

export const SHADOW_KEYS = ['runtime', 'sample'] as const;
/** Names that the file may give. */
export const FILE_RUNTIMES: readonly string[] = [AUTO_RUNTIME, ...BACKEND_KINDS];

export interface RuntimeDeclaration {
  readonly runtime: string | undefined;
  readonly shadow: ShadowConfig | undefined;
}

/** What is wrong is in `file.problems`; of no meaning then. */
export function readRuntime(file: YamlFile): RuntimeDeclaration {
  if (!file.isMap(file.root)) return { runtime: undefined, shadow: undefined };
  const members = file.members(file.root, 'a map') ?? [];
  const of = (key: string): YamlNode => members.find((member) => member.key === key)?.value;
  return { runtime: runtimeOf(file, of('runtime')), shadow: shadowOf(file, of('shadow')) };
}

function shadowOf(file: YamlFile, node: YamlNode): ShadowConfig | undefined {
  if (file.isEmpty(node)) return undefined;
  const known = file.knownMembers(node, `a map with ${SHADOW_KEYS.join(' and ')}`, SHADOW_KEYS);
  if (known === undefined) return undefined;
  return {
    runtime: runtimeOf(file, known.get('runtime')?.value) ?? DEFAULT_SHADOW.runtime,
    sample: sampleOf(file, known.get('sample')?.value) ?? DEFAULT_SHADOW.sample,
  };
}

function runtimeOf(file: YamlFile, node: YamlNode): string | undefined {
  if (file.isEmpty(node)) return undefined;
  const text = file.text(node, `one of ${FILE_RUNTIMES.join(', ')}`);
  if (text === undefined || FILE_RUNTIMES.includes(text)) return text;
  return file.report(file.at(node), `there is no runtime ${quote(text)}${suggestion(text, FILE_RUNTIMES)}`);
}

function sampleOf(file: YamlFile, node: YamlNode): number | undefined {
  if (file.isEmpty(node)) return undefined;
  const value = file.value(node);
  if (value === undefined) return undefined;
  const sample = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN;
  if (sample >= 0 && sample <= 1) return sample;
  return file.report(file.at(node), 'this is no share of the batches; write a number from 0 to 1');
}
