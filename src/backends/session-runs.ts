/**
 * The start and the end of a session's runs: names and dtypes are checked against the signature, and runs are counted,
 * so that a close can wait for them.
 *
 * Requests were checked before they came here. These checks are for direct callers of a session, and give all backends
 * the same error texts. Shapes are the runtime's to check: a graph may take more than its signature declares. A runtime
 * that does not check them needs `checkShapes`.
 */
import { ServingError } from '../core/errors.ts';
import { formatShape, shapeFits } from '../core/shape.ts';
import type { Signature, TensorSpec } from '../core/signature.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';

/** Throws `signature_not_found` or `invalid_request` if the call does not fit its signature. */
export function checkRun(
  signatures: ReadonlyMap<string, Signature>,
  signatureName: string,
  inputs: TensorMap,
  outputs: readonly string[],
): void {
  const signature = signatures.get(signatureName);
  if (signature === undefined) {
    const known = [...signatures.keys()].join(', ');
    throw new ServingError('signature_not_found', `the model has no signature "${signatureName}"; it has: ${known}`);
  }
  for (const [name, spec] of signature.inputs) checkInput(name, spec, inputs.get(name));
  if (inputs.size !== signature.inputs.size) {
    const unknown = [...inputs.keys()].find((name) => !signature.inputs.has(name));
    throw unknownName('input', unknown!, signature.inputs);
  }
  for (let i = 0; i < outputs.length; i++) {
    if (!signature.outputs.has(outputs[i]!)) throw unknownName('output', outputs[i]!, signature.outputs);
  }
}

/** Throws `invalid_request` if an input does not have the declared shape. The inputs have been through `checkRun`. */
export function checkShapes({ inputs: specs }: Signature, inputs: TensorMap): void {
  for (const [name, { shape }] of specs) {
    const tensor = inputs.get(name)!;
    if (shapeFits(tensor.shape, shape)) continue;
    throw new ServingError(
      'invalid_request',
      `input "${name}" has shape ${formatShape(tensor.shape)}; the model wants ${formatShape(shape)}`,
    );
  }
}

function checkInput(name: string, spec: TensorSpec, tensor: Tensor | undefined): void {
  if (tensor === undefined) throw new ServingError('invalid_request', `input "${name}" is missing`);
  if (tensor.dtype !== spec.dtype) {
    throw new ServingError('invalid_request', `input "${name}" is ${tensor.dtype}; the model wants ${spec.dtype}`);
  }
}

function unknownName(what: string, name: string, known: ReadonlyMap<string, unknown>): ServingError {
  return new ServingError(
    'invalid_request',
    `the model has no ${what} "${name}"; it has: ${[...known.keys()].join(', ')}`,
  );
}

/** Counts the batches that a host or session has accepted and not answered, so that its close can wait for them. */
export class RunsInFlight {
  #count = 0;
  #onIdle: (() => void) | undefined;

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) this.#onIdle?.();
  }

  /** Resolves when no run is in flight. Called once, after the last `begin`. */
  async idle(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
