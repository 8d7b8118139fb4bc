/** Checks what the owner of a model says of padding shorter rows, against the names and dtypes of the graph. */
import type { DeclaredBatching } from '../../config/batch-declaration.ts';
import { quote, suggestion } from '../../config/yaml/problems.ts';
import type { Signatures } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { literalTensor } from './literal-tensor.ts';

/** Scalars with which inputs are padded, as the owner of the model says: of their dtypes, by name. */
export type PadValues = ReadonlyMap<string, Tensor>;

/** The padding of a signature's rows, as far as it is known before it is tried. */
export interface DeclaredPadding {
  readonly values: PadValues;
  /** No row is padded to a greater length. Absent = the model's own limit counts. */
  readonly longest?: number | undefined;
  /** The owner says that padding changes no answer. It need not be read in the graph then; runs must show it all the same. */
  readonly isAssured?: boolean | undefined;
}

/** A problem at a name under `pad_values`. */
export type ReportPadValue = (problem: string, name: string) => void;

/** The padding by signature of the graph. */
export function declarePadding(
  { padValues = new Map(), maxPaddedLength: longest }: Pick<DeclaredBatching, 'padValues' | 'maxPaddedLength'>,
  graphs: Signatures,
  report: ReportPadValue,
): ReadonlyMap<string, DeclaredPadding> {
  const known = [...new Set([...graphs.values()].flatMap((graph) => [...graph.inputs.keys()]))];
  for (const name of padValues.keys()) {
    if (!known.includes(name)) report(`the graph has no input ${quote(name)}${suggestion(name, known)}`, name);
  }
  return new Map(
    [...graphs].map(([signature, { inputs }]) => {
      const values = new Map<string, Tensor>();
      for (const [name, { dtype, shape }] of inputs) {
        const written = padValues.get(name);
        if (written === undefined) continue;
        const value = literalTensor(written, dtype);
        if (typeof value === 'string') report(value, name);
        else if (shape?.slice(1).includes(-1) === false) report('no dim of the input beside its rows is free', name);
        else values.set(name, value);
      }
      return [signature, { values, ...(longest !== undefined && { longest, isAssured: true }) }];
    }),
  );
}
