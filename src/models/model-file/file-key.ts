/** Keys of the pillion.yaml beside a model that features bring, beside those of declaration.ts. */
import type * as v from 'valibot';

interface FileKeySpec<T> {
  readonly name: string;
  /** Its value in the file → its value here. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** For editors: what it says, in one sentence. */
  readonly help: string;
}

/** A key that says something of the version's model: an ensemble has none. The feature reads it by ModelFile.valueOf. */
export class FileKey<T> {
  readonly name: string;
  readonly schema: v.GenericSchema<unknown, T>;
  readonly help: string;

  constructor({ name, schema, help }: FileKeySpec<T>) {
    this.name = name;
    this.schema = schema;
    this.help = help;
  }
}

export type FileKeys = readonly FileKey<unknown>[];
