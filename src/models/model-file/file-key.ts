/** Keys of the pillion.yaml beside a model that features bring, beside those of declaration.ts. */
import * as v from 'valibot';

/** A runtime's name, or `auto`. */
export type RuntimeSchema = v.GenericSchema<unknown, string>;

interface FileKeySpec<T> {
  readonly name: string;
  /** Its value in the file → its value here. */
  readonly schema: v.GenericSchema<unknown, T> | ((runtime: RuntimeSchema) => v.GenericSchema<unknown, T>);
  /** A sentence for editors that says what the key means. */
  readonly help: string;
  /**
   * Set if the key stands in place of a model: what is wrong with a key beside it that says something of the version's
   * model. Default: the key says something of the model.
   */
  readonly besideIt?: (key: string) => string;
}

/** The feature reads its value by ModelFile.valueOf. */
export class FileKey<T> {
  readonly name: string;
  /** `runtime`: the schema of a runtime's name. */
  readonly schemaWith: (runtime: RuntimeSchema) => v.GenericSchema<unknown, T>;
  readonly help: string;
  readonly besideIt: ((key: string) => string) | undefined;

  constructor({ name, schema, help, besideIt }: FileKeySpec<T>) {
    this.name = name;
    this.schemaWith = typeof schema === 'function' ? schema : () => schema;
    this.help = help;
    this.besideIt = besideIt;
  }

  /** The key where its feature is left out. `problem` completes "state …". */
  refused(problem: string): FileKey<unknown> {
    const { name, help } = this;
    return new FileKey({
      name,
      help,
      schema: v.pipe(
        v.unknown(),
        v.check(() => false, `${name} ${problem}`),
      ),
    });
  }
}

/** The part of the file that features bring. */
export interface FileKeys {
  readonly keys: readonly FileKey<unknown>[];
  /** Kinds of the runtimes that it may name: a model is data, so it may name built-in runtimes but no module. */
  readonly runtimes: readonly string[];
}

export const NO_FILE_KEYS: FileKeys = { keys: [], runtimes: [] };
