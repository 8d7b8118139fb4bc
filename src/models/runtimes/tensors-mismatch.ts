/** Compares the tensors of a signature with those that another runtime has for it. */
import type { DType } from '../../core/dtype.ts';
import { quoteName } from '../../core/list-names.ts';
import { formatShape } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/signature.ts';

type Specs = ReadonlyMap<string, TensorSpec>;

/**
 * How they differ in names, dtypes and shapes; undefined = they do not. `canBe`: a found dtype that may stand for a
 * wanted one.
 */
export function tensorsMismatch(
  what: 'input' | 'output',
  wanted: Specs,
  found: Specs,
  canBe: (found: DType, wanted: DType) => boolean = () => false,
): string | undefined {
  for (const name of found.keys()) if (!wanted.has(name)) return `it has the ${what} ${quoteName(name)} too`;
  for (const [name, spec] of wanted) {
    const other = found.get(name);
    if (other === undefined) return `it has no ${what} ${quoteName(name)}`;
    const [want, have] = [
      describe(spec),
      describe(canBe(other.dtype, spec.dtype) ? { ...other, dtype: spec.dtype } : other),
    ];
    if (want !== have) return `${what} ${quoteName(name)} is ${have}, not ${want}`;
  }
  return undefined;
}

function describe({ dtype, shape }: TensorSpec): string {
  return `${dtype} ${shape === undefined ? 'of any rank' : formatShape(shape)}`;
}
