/**
 * ClassificationResponse, RegressionResponse and MultiInferenceResponse of recorded answers, read.
 * features/classify-and-regress/response-writer.ts writes them.
 *
 * Each function throws `invalid_request` if the message is no protobuf, and `too_large` if its results would take more
 * than `maxBytes` in memory: an entry of two bytes becomes an object.
 */
import { ServingError } from '../../core/errors.ts';
import { lengthDelimited, WIRE_FIXED32, WireReader } from '../protobuf/wire-reader.ts';

/** ClassificationResponse and RegressionResponse {1 result}; results {1 classifications or regressions}. */
const RESULT = 1;
const ROW = 1;
/** Classifications {1 classes {1 label, 2 score}}; Regression {1 value}. */
const CLASS = 1;
const LABEL = 1;
const SCORE = (2 << 3) | WIRE_FIXED32;
const VALUE = (1 << 3) | WIRE_FIXED32;
/** MultiInferenceResponse {1 results {2 classification_result, 3 regression_result}}. */
const RESULTS = 1;
const CLASSIFICATION_RESULT = 2;
const REGRESSION_RESULT = 3;

/** The charge for the object of one entry. */
const ENTRY_BYTES = 64;

const NO_LABEL = new Uint8Array(0);

export interface LabelledScore {
  /** A view of the message. */
  readonly label: Uint8Array;
  readonly score: number;
}

export type RecordedResult =
  /** The classes of each example. */
  | { readonly kind: 'classification'; readonly rows: readonly (readonly LabelledScore[])[] }
  /** The value of each example. */
  | { readonly kind: 'regression'; readonly rows: readonly number[] };

export function readClassificationResponse(message: Uint8Array, maxBytes: number): RecordedResult {
  const reader = new RecordedReader(message, 'ClassificationResponse', maxBytes);
  return reader.response('classification');
}

export function readRegressionResponse(message: Uint8Array, maxBytes: number): RecordedResult {
  const reader = new RecordedReader(message, 'RegressionResponse', maxBytes);
  return reader.response('regression');
}

/** One result for each task; undefined for a task without one. */
export function readMultiInferenceResponse(
  message: Uint8Array,
  maxBytes: number,
): readonly (RecordedResult | undefined)[] {
  return new RecordedReader(message, 'MultiInferenceResponse', maxBytes).results();
}

class RecordedReader {
  readonly #reader: WireReader;
  readonly #what: string;
  readonly #limit: number;
  #left: number;

  constructor(message: Uint8Array, what: string, maxBytes: number) {
    this.#reader = new WireReader(message, what);
    this.#what = what;
    this.#limit = maxBytes;
    this.#left = maxBytes;
  }

  /** A result in several parts has the rows of all. */
  response(kind: RecordedResult['kind']): RecordedResult {
    const result = this.#empty(kind);
    this.#each(RESULT, () => this.#rows(result));
    return result;
  }

  results(): readonly (RecordedResult | undefined)[] {
    const results: (RecordedResult | undefined)[] = [];
    this.#each(RESULTS, () => {
      this.#charge();
      results.push(this.#result());
    });
    return results;
  }

  /** The last of two kinds counts, as in protobuf. */
  #result(): RecordedResult | undefined {
    const reader = this.#reader;
    let result: WritableResult | undefined;
    while (reader.next()) {
      let kind: RecordedResult['kind'];
      if (reader.tag === lengthDelimited(CLASSIFICATION_RESULT)) kind = 'classification';
      else if (reader.tag === lengthDelimited(REGRESSION_RESULT)) kind = 'regression';
      else {
        reader.skip();
        continue;
      }
      if (result?.kind !== kind) result = this.#empty(kind);
      const into = result;
      this.#inside(() => this.#rows(into));
    }
    return result;
  }

  #empty(kind: RecordedResult['kind']): WritableResult {
    return kind === 'classification' ? { kind, rows: [] } : { kind, rows: [] };
  }

  #rows(result: WritableResult): void {
    this.#each(ROW, () => {
      this.#charge();
      if (result.kind === 'regression') result.rows.push(this.#value());
      else result.rows.push(this.#classes());
    });
  }

  #classes(): readonly LabelledScore[] {
    const classes: LabelledScore[] = [];
    this.#each(CLASS, () => {
      this.#charge();
      classes.push(this.#class());
    });
    return classes;
  }

  #class(): LabelledScore {
    const reader = this.#reader;
    let label: Uint8Array = NO_LABEL;
    let score = 0;
    while (reader.next()) {
      if (reader.tag === lengthDelimited(LABEL)) label = reader.bytesField();
      else if (reader.tag === SCORE) score = this.#float();
      else reader.skip();
    }
    return { label, score };
  }

  #value(): number {
    const reader = this.#reader;
    let value = 0;
    while (reader.next()) {
      if (reader.tag === VALUE) value = this.#float();
      else reader.skip();
    }
    return value;
  }

  #float(): number {
    const reader = this.#reader;
    const start = reader.position;
    reader.advance(4);
    return reader.bytes.readFloatLE(start);
  }

  /** Calls `read` inside each submessage of that field, and skips all other fields. */
  #each(field: number, read: () => void): void {
    const reader = this.#reader;
    while (reader.next()) {
      if (reader.tag === lengthDelimited(field)) this.#inside(read);
      else reader.skip();
    }
  }

  #inside(read: () => void): void {
    const outer = this.#reader.enter();
    read();
    this.#reader.leave(outer);
  }

  #charge(): void {
    this.#left -= ENTRY_BYTES;
    if (this.#left >= 0) return;
    throw new ServingError(
      'too_large',
      `what this ${this.#what} says takes more than the ${this.#limit} bytes that a message's tensors may; ` +
        'record smaller requests, or allow more with --max_message_bytes',
    );
  }
}

type WritableResult =
  | { readonly kind: 'classification'; readonly rows: (readonly LabelledScore[])[] }
  | { readonly kind: 'regression'; readonly rows: number[] };
