/**
 * Entities of a text: each token gets the label of its highest score; tokens of one entity are joined as transformers'
 * aggregation strategy `simple` does it.
 *
 *   tokens    Ada      Love   ##lace  lives  in  London
 *   labels    B-PER    I-PER  I-PER   O      O   B-LOC      ─▶  PER 0–12, LOC 22–28
 *
 * Places are counted in code points. An entity's score is the mean of its tokens' scores.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../../core/errors.ts';
import { numericTensor, stringTensor, type Tensor, type TensorMap } from '../../../core/tensor.ts';
import { type Encoded, TEXT_OUTPUTS } from '../exported/text-model.ts';
import type { TextSettings } from '../files/settings.ts';
import { specOf } from './classification.ts';
import { highestOf, softmax, type Task, type TaskModel, type TaskReader, type TaskRequest } from './task.ts';

const NAMES = TEXT_OUTPUTS['token-classification'];
/** The label of tokens that are no entity. */
const OUTSIDE = 'O';
const NOTHING = Buffer.alloc(0);

interface Entity {
  readonly label: string;
  /** Tokens of the same kind may be joined: the label without "B-" or "I-". */
  readonly kind: string;
  readonly start: number;
  end: number;
  scores: number;
  tokens: number;
}

export function tokenClassificationTask({ settings }: TaskModel): Task {
  return {
    outputs: new Map([
      specOf(NAMES.entities, 'string', [-1, -1]),
      specOf(NAMES.scores, 'float32', [-1, -1]),
      specOf(NAMES.starts, 'int32', [-1, -1]),
      specOf(NAMES.ends, 'int32', [-1, -1]),
    ]),
    onDemand: new Set(),
    hasOffsets: true,
    open: (request) => new EntitiesReader(request, settings),
  };
}

class EntitiesReader implements TaskReader {
  readonly #request: TaskRequest;
  readonly #settings: TextSettings;
  readonly #rows: (readonly Entity[])[] = [];

  constructor(request: TaskRequest, settings: TextSettings) {
    this.#request = request;
    this.#settings = settings;
  }

  take(row: number, values: Float32Array, at: number, width: number, padded: number): void {
    const encoded = this.#request.encoded[row]!;
    const found: { label: string; score: number; token: number }[] = [];
    for (let token = 0; token < encoded.ids.length; token++) {
      if (encoded.special[token] === 1) continue;
      const from = at + (padded + token) * width;
      const scores = softmax(Float64Array.from(values.subarray(from, from + width)));
      const best = highestOf(scores);
      // It would be a text without entities.
      if (best === -1) throw notNumbers(this.#request.rowOf.indexOf(row));
      const label = this.#settings.labels[best] ?? `LABEL_${best}`;
      found.push({ label, score: scores[best]!, token });
    }
    this.#rows[row] = this.#settings.isAggregated ? joined(found, encoded) : single(found, encoded);
  }

  finish(): TensorMap {
    const rows = this.#request.rowOf.map((row) => this.#rows[row]!);
    const most = rows.reduce((sum, { length }) => Math.max(sum, length), 0);
    const shape = [rows.length, most];
    const count = rows.length * most;
    const labels: Uint8Array[] = new Array(count).fill(NOTHING);
    const [scores, starts, ends] = [new Float32Array(count), new Int32Array(count), new Int32Array(count)];
    starts.fill(-1);
    ends.fill(-1);
    rows.forEach((entities, row) => {
      entities.forEach(({ label, start, end, scores: sum, tokens }, i) => {
        const at = row * most + i;
        labels[at] = Buffer.from(label);
        scores[at] = sum / tokens;
        starts[at] = start;
        ends[at] = end;
      });
    });
    return new Map<string, Tensor>([
      [NAMES.entities, stringTensor(shape, labels)],
      [NAMES.scores, numericTensor('float32', shape, scores)],
      [NAMES.starts, numericTensor('int32', shape, starts)],
      [NAMES.ends, numericTensor('int32', shape, ends)],
    ]);
  }
}

function notNumbers(text: number): ServingError {
  return new ServingError('backend_failed', `the model gave NaN for a token of text ${text}; its owner must mend it`);
}

type Found = readonly { readonly label: string; readonly score: number; readonly token: number }[];

function single(found: Found, { offsets }: Encoded): readonly Entity[] {
  return found
    .filter(({ label }) => label !== OUTSIDE)
    .map(({ label, score, token }) => entityOf(label, label, score, token, offsets));
}

function joined(found: Found, { offsets }: Encoded): readonly Entity[] {
  const entities: Entity[] = [];
  let last: Entity | undefined;
  for (const { label, score, token } of found) {
    const begins = label.startsWith('B-');
    const kind = begins || label.startsWith('I-') ? label.slice(2) : label;
    if (last !== undefined && last.kind === kind && !begins) {
      last.end = offsets[2 * token + 1]!;
      last.scores += score;
      last.tokens += 1;
    } else {
      // The name is what follows the first "-", also of other prefixes, as of "S-PER", which are not joined by it.
      last = entityOf(label.slice(label.indexOf('-') + 1), kind, score, token, offsets);
      entities.push(last);
    }
  }
  return entities.filter(({ label }) => label !== OUTSIDE);
}

function entityOf(label: string, kind: string, score: number, token: number, offsets: Int32Array): Entity {
  return { label, kind, start: offsets[2 * token]!, end: offsets[2 * token + 1]!, scores: score, tokens: 1 };
}
