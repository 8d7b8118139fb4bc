/** Finds the inputs of a graph that tokens are, and the output that is read, by the names and shapes of exporters. */
import { listNames } from '../../../core/list-names.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature, type Signatures, type TensorSpec } from '../../../core/signature.ts';
import { READABLE } from '../tasks/output-floats.ts';
import { classesOf, type TextSettings } from './settings.ts';

/** The inputs that the server can make. */
const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;
type InputName = (typeof INPUTS)[number];

export interface GraphBinding {
  /** The signature of the graph that is run. */
  readonly signatureName: string;
  readonly inputs: ReadonlyMap<InputName, { readonly dtype: 'int64' | 'int32' }>;
  /** The length of every run, where the graph takes no other. */
  readonly fixedLength: number | undefined;
  readonly output: string;
  /** 2: one vector a row; 3: one a token. */
  readonly rank: number;
  /** The last dim of the output; -1 = the graph does not say. */
  readonly width: number;
}

const POOLED = ['sentence_embedding', 'embedding', 'embeddings', 'text_embeds'];
const BY_TOKEN = ['last_hidden_state', 'token_embeddings', 'hidden_state'];

/** The binding; a text that says why texts cannot be its inputs. */
export function bindGraph(signatures: Signatures, settings: TextSettings): GraphBinding | string {
  const signatureName = signatures.has(DEFAULT_SIGNATURE_NAME) ? DEFAULT_SIGNATURE_NAME : [...signatures.keys()][0];
  const signature = signatureName === undefined ? undefined : signatures.get(signatureName);
  if (signature === undefined) return 'it has no signature';
  const inputs = boundInputs(signature);
  if (typeof inputs === 'string') return inputs;
  const output = outputOf(signature, settings);
  if (output === undefined) return noOutput(signature, settings);
  const { shape, dtype } = signature.outputs.get(output)!;
  if (!READABLE.has(dtype)) return `output "${output}" is ${dtype}, and scores and vectors are floats`;
  const wanted = ranksOf(settings);
  if (shape === undefined || !wanted.includes(shape.length)) {
    return `output "${output}" has the shape ${shape === undefined ? 'of any rank' : `[${shape.join(', ')}]`}, but ${settings.task} wants ${wanted.join(' or ')} dims`;
  }
  const [width, classes] = [shape.at(-1)!, classesOf(settings)];
  if (classes !== undefined && width !== -1 && width !== classes) {
    return `output "${output}" has ${width} scores, but ${settings.task} wants ${classes}${settings.task === 'reranking' ? '' : ', as many as there are labels'}`;
  }
  const length = signature.inputs.get('input_ids')!.shape![1]!;
  return {
    ...{ signatureName: signatureName!, inputs, output, rank: shape.length, width },
    fixedLength: length === -1 ? undefined : length,
  };
}

function boundInputs({ inputs }: Signature): GraphBinding['inputs'] | string {
  const bound = new Map<InputName, { readonly dtype: 'int64' | 'int32' }>();
  for (const [name, { dtype, shape }] of inputs) {
    const known = INPUTS.find((each) => each === name);
    if (known === undefined) return `nothing tells how to make its input "${name}" of a text`;
    if (dtype !== 'int64' && dtype !== 'int32') return `its input "${name}" is ${dtype}, and tokens are whole numbers`;
    if (shape?.length !== 2) return `its input "${name}" does not have two dims, texts and tokens`;
    bound.set(known, { dtype });
  }
  return bound.has('input_ids') ? bound : 'it has no input "input_ids"';
}

function ranksOf({ task }: TextSettings): readonly number[] {
  if (task === 'embedding') return [2, 3];
  return task === 'classification' || task === 'reranking' ? [2] : [3];
}

function outputOf({ outputs }: Signature, { task, output }: TextSettings): string | undefined {
  if (output !== undefined) return outputs.has(output) ? output : undefined;
  const ofNumbers = [...outputs].filter(([, { dtype }]) => READABLE.has(dtype));
  const find = (names: readonly string[], rank: number): string | undefined => {
    const ofRank = ofNumbers.filter(([, spec]) => rankOf(spec) === rank).map(([name]) => name);
    return (
      names.find((name) => ofRank.includes(name)) ?? (ofRank.length === 1 && names !== POOLED ? ofRank[0] : undefined)
    );
  };
  if (task === 'embedding') return find(POOLED, 2) ?? find(BY_TOKEN, 3) ?? onlyOne(ofNumbers);
  return outputs.has('logits') ? 'logits' : onlyOne(ofNumbers);
}

function onlyOne(found: readonly (readonly [string, TensorSpec])[]): string | undefined {
  return found.length === 1 ? found[0]![0] : undefined;
}

function rankOf({ shape }: TensorSpec): number {
  return shape?.length ?? -1;
}

function noOutput({ outputs }: Signature, { task, output }: TextSettings): string {
  const names = listNames(outputs.keys());
  if (output !== undefined) return `it has no output "${output}"; its outputs: ${names}`;
  return `none of its outputs (${names}) is surely that of ${task}; name one as "text: {output: …}" in pillion.yaml`;
}
