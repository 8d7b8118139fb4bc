/**
 * The tokens of a request as inputs of the graph: the texts of one length are a part. Nothing is padded here but for a
 * graph that takes one length alone: which lengths may share a run, the scheduler knows by proof.
 */

import type { Steps } from '../../../core/in-slices.ts';
import { rowAxisOf, type Signature } from '../../../core/signature.ts';
import type { Tensor, TensorMap } from '../../../core/tensor.ts';
import type { Encoded } from '../exported/text-model.ts';
import type { GraphBinding } from '../files/graph-binding.ts';
import type { TextSettings } from '../files/settings.ts';
import type { Part } from './part-runs.ts';

/** Rows of a part: a request of many texts is no one run. */
const MOST_ROWS = 32;

/** Tokens of a request that are under way at a time: enough to fill runs, few enough to let others in. */
const MOST_TOKENS = 16_384;
/** Bytes of the outputs of these: a vocabulary of 50,000 has 200 KB a token. */
const MOST_OUTPUT_BYTES = 2 ** 28;

/** Tokens whose inputs one step makes. */
const STEP_TOKENS = 2 ** 12;

/** The most tokens of one request that are run at a time. A text with more is run alone. */
export function mostTokensOf({ rank, width }: GraphBinding): number {
  if (rank !== 3 || width <= 0) return MOST_TOKENS;
  const most = Math.floor(MOST_OUTPUT_BYTES / (width * Float32Array.BYTES_PER_ELEMENT));
  return Math.min(MOST_TOKENS, Math.max(1, most));
}

/** The parts, the shortest texts first: neighbours share runs. */
export function* partsOf(encoded: readonly Encoded[], graph: Graph): Steps<readonly Part[]> {
  const { signature, binding } = graph;
  const byLength = new Map<number, number[]>();
  encoded.forEach(({ ids }, row) => {
    const length = binding.fixedLength ?? ids.length;
    const rows = byLength.get(length);
    if (rows === undefined) byLength.set(length, [row]);
    else rows.push(row);
  });
  const parts: Part[] = [];
  let tokens = 0;
  for (const [length, rows] of [...byLength].sort(([a], [b]) => a - b)) {
    const fitting = Math.max(1, Math.floor(mostTokensOf(binding) / Math.max(1, length)));
    const most = sharesRows(signature) ? Math.min(MOST_ROWS, fitting) : 1;
    for (let from = 0; from < rows.length; from += most) {
      const some = rows.slice(from, from + most);
      parts.push({ rows: some, length, inputs: inputsOf(some, length, encoded, graph) });
      tokens += some.length * length;
      if (tokens < STEP_TOKENS) continue;
      tokens = 0;
      yield;
    }
  }
  return parts;
}

/** Rows of one run do not reach each other. */
function sharesRows(signature: Signature): boolean {
  return signature.batchAxis.kind !== 'none' && rowAxisOf(signature, 'input_ids') === 0;
}

export interface Graph {
  readonly signature: Signature;
  readonly binding: GraphBinding;
  readonly settings: TextSettings;
}

function inputsOf(
  rows: readonly number[],
  length: number,
  encoded: readonly Encoded[],
  { signature, binding, settings }: Graph,
): TensorMap {
  const tensors = new Map<string, Tensor>();
  for (const name of signature.inputs.keys()) {
    const { dtype } = binding.inputs.get(name as 'input_ids')!;
    const words = dtype === 'int64' ? 2 : 1;
    // The ids are not negative, so the high words of int64 are 0.
    const values = new Int32Array(rows.length * length * words);
    if (name === 'input_ids' && settings.padId !== 0) fillLow(values, words, settings.padId);
    rows.forEach((row, i) => {
      const { ids } = encoded[row]!;
      const start = i * length + (settings.padsLeft ? length - ids.length : 0);
      for (let token = 0; token < ids.length; token++) {
        values[(start + token) * words] = tokenValue(name, token, encoded[row]!, settings);
      }
    });
    const bytes = new Uint8Array(values.buffer);
    tensors.set(name, { dtype, shape: [rows.length, length], data: bytes });
  }
  return tensors;
}

function fillLow(values: Int32Array, words: number, value: number): void {
  for (let i = 0; i < values.length; i += words) values[i] = value;
}

function tokenValue(name: string, token: number, { ids, typeIds }: Encoded, settings: TextSettings): number {
  if (name === 'input_ids') return ids[token]!;
  if (name === 'attention_mask') return 1;
  return name === 'token_type_ids' ? typeIds[token]! : settings.firstPosition + token;
}
