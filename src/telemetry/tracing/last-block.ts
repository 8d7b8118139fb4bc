/** Attributes that are alike from one record to the next: put together, and encoded, once for all of them. */
import type { RequestRecord } from '../request-record.ts';
import { AttributeBlock } from './span-output.ts';

export type Entries = AttributeBlock['entries'];

export type ModelFacts = Pick<RequestRecord, 'model' | 'version' | 'signatureName'>;

/** All that a block may say, and must not differ in. */
type BlockFacts = ModelFacts & Partial<Pick<RequestRecord, 'surface' | 'method' | 'outcome'>>;

/** The block of the last record: mostly it is the next one's too. */
export class LastBlock<R extends BlockFacts> {
  readonly #entriesOf: (record: R) => Entries;
  #last: Readonly<Record<keyof BlockFacts, string | undefined>> | undefined;
  #block = new AttributeBlock([]);

  /** @param entriesOf goes by BlockFacts alone */
  constructor(entriesOf: (record: R) => Entries) {
    this.#entriesOf = entriesOf;
  }

  blockOf(record: R): AttributeBlock {
    const { model, version, signatureName, surface, method, outcome } = record;
    const last = this.#last;
    if (
      last?.model === model &&
      last.version === version &&
      last.signatureName === signatureName &&
      last.surface === surface &&
      last.method === method &&
      last.outcome === outcome
    ) {
      return this.#block;
    }
    this.#last = { model, version, signatureName, surface, method, outcome };
    this.#block = new AttributeBlock(this.#entriesOf(record));
    return this.#block;
  }
}
