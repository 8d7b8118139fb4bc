/**
 * Checks that one artifact can replace another of the same version, so that callers see no difference. Names, dtypes,
 * shapes, the method and defaults are compared; the runtime's own tensor names and the batch axis are not. An int32
 * output may stand for an int64 one (widened-outputs.ts).
 */
import { quoteName } from '../../core/list-names.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import { tensorsMismatch } from '../../models/runtimes/tensors-mismatch.ts';
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

function mismatchOf(wanted: Signature, found: Signature): string | undefined {
  if (wanted.methodName !== found.methodName) return `its method is ${found.methodName}, not ${wanted.methodName}`;
  return (
    tensorsMismatch('input', wanted.inputs, found.inputs) ??
    tensorsMismatch('output', wanted.outputs, found.outputs, canWiden) ??
    defaultsMismatch(wanted, found)
  );
}

function defaultsMismatch({ defaults: wanted }: Signature, { defaults: found }: Signature): string | undefined {
  const names = new Set([...(wanted?.keys() ?? []), ...(found?.keys() ?? [])]);
  const odd = [...names].find((name) => wanted?.has(name) !== found?.has(name));
  return odd === undefined ? undefined : `only one of the two has a default for input ${quoteName(odd)}`;
}
