/** Most records have the attributes of the record before them: such a block is encoded once (docs/adr/0024). */
import type { RequestRecord } from '../../../ledger/request-record.ts';
import { AttributeBlock } from '../../../ledger/tracing/span-output.ts';

export type Entries = AttributeBlock['entries'];

export type ModelFacts = Pick<RequestRecord, 'model' | 'version' | 'signatureName'>;

/** The facts that a block may tell. Records with equal facts have equal blocks. */
type BlockFacts = ModelFacts & Partial<Pick<RequestRecord, 'surface' | 'method' | 'outcome'>>;

/** Remembers the block of the last record. */
export class LastBlock<R extends BlockFacts> {
  readonly #entriesOf: (record: R) => Entries;
  #last: Readonly<Record<keyof BlockFacts, string | undefined>> | undefined;
  #block = new AttributeBlock([]);

  /** @param entriesOf must depend on BlockFacts alone */
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
