/**
 * Checks that one artifact can replace another of the same version, so that callers see no difference. Names, dtypes,
 * shapes, the method and defaults are compared; the runtime's own tensor names and the batch axis are not. An int32
 * output may stand for an int64 one (widened-outputs.ts).
 */
import { quoteName } from '../../core/list-names.ts';
import { formatShape } from '../../core/shape.ts';
import type { Signature, Signatures, TensorSpec } from '../../core/signature.ts';
import { canWiden } from './widened-outputs.ts';

/** Why `candidate` cannot replace `reference`; undefined = it can. It may have further signatures. */
export function signatureMismatch(reference: Signatures, candidate: Signatures): string | undefined {
  for (const [name, wanted] of reference) {
    const found = candidate.get(name);
    const problem = found === undefined ? 'it has no such signature' : mismatchOf(wanted, found);
    if (problem !== undefined) return `signature ${quoteName(name)}: ${problem}`;
  }
  return undefined;
}

/** The signatures of `candidate` that `reference` has, too, in the order of `reference`. */
export function onlyThoseOf(reference: Signatures, candidate: Signatures): Signatures {
  const kept = new Map<string, Signature>();
  for (const name of reference.keys()) {
    const signature = candidate.get(name);
    if (signature !== undefined) kept.set(name, signature);
  }
  return kept;
}

/** How the inputs of two signatures differ; undefined = they do not. */
export function inputMismatch(wanted: Signature, found: Signature): string | undefined {
  return tensorsMismatch('input', wanted.inputs, found.inputs);
}

function mismatchOf(wanted: Signature, found: Signature): string | undefined {
  if (wanted.methodName !== found.methodName) return `its method is ${found.methodName}, not ${wanted.methodName}`;
  return (
    inputMismatch(wanted, found) ??
    tensorsMismatch('output', wanted.outputs, found.outputs) ??
    defaultsMismatch(wanted, found)
  );
}

type Specs = ReadonlyMap<string, TensorSpec>;

function tensorsMismatch(what: 'input' | 'output', wanted: Specs, found: Specs): string | undefined {
  for (const name of found.keys()) if (!wanted.has(name)) return `it has the ${what} ${quoteName(name)} too`;
  for (const [name, spec] of wanted) {
    const other = found.get(name);
    if (other === undefined) return `it has no ${what} ${quoteName(name)}`;
    const isWidened = what === 'output' && canWiden(other.dtype, spec.dtype);
    const [want, have] = [describe(spec), describe(isWidened ? { ...other, dtype: spec.dtype } : other)];
    if (want !== have) return `${what} ${quoteName(name)} is ${have}, not ${want}`;
  }
  return undefined;
}

function defaultsMismatch({ defaults: wanted }: Signature, { defaults: found }: Signature): string | undefined {
  const names = new Set([...(wanted?.keys() ?? []), ...(found?.keys() ?? [])]);
  const odd = [...names].find((name) => wanted?.has(name) !== found?.has(name));
  return odd === undefined ? undefined : `only one of the two has a default for input ${quoteName(odd)}`;
}

function describe({ dtype, shape }: TensorSpec): string {
  return `${dtype} ${shape === undefined ? 'of any rank' : formatShape(shape)}`;
}
