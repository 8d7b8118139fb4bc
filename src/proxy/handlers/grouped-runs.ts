/**
 * The runs of one request whose rows differ in length: a request of its own in the queue for each length, so that it may
 * share a run with the others where that is proved, and costs no other. At most MAX_AT_ONCE of them wait or run, however many
 * lengths there are. The first error ends all.
 */
import type { CancelListener } from '../../core/cancel.ts';
import { ServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { STAGE_EXECUTE, STAGE_SPLIT } from '../../ledger/stage-clock.ts';
import { PartContext } from '../../models/serving/part-context.ts';
import type { ServableHandle } from '../../models/serving/servable.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';
import type { StandIn } from './model-resolver.ts';

const MAX_AT_ONCE = 32;

interface GroupedRequest {
  readonly signatureName: string;
  /** The inputs of each group. */
  readonly inputs: readonly TensorMap[];
  readonly outputs: readonly string[];
  readonly context: RequestContext;
}

/**
 * Runs all groups, whose inputs were checked; takes over the handle, and the request's cancel listener until it settles.
 * Rejects with ServingError.
 */
export async function runGroups(handle: ServableHandle, request: GroupedRequest): Promise<readonly TensorMap[]> {
  const { signatureName, inputs, outputs, context } = request;
  const running = new Set<PartContext>();
  const answers: TensorMap[] = [];
  let next = 0;
  const listener: CancelListener = { onCancel: (reason) => cancelAll(running, reason) };
  const runner = async (): Promise<void> => {
    while (next < inputs.length) {
      context.cancel.throwIfCancelled();
      const group = next++;
      const own = new PartContext(context);
      running.add(own);
      const given = { signatureName, inputs: inputs[group]!, outputs, context: own };
      try {
        answers[group] = await handle.servable.runner.submit(given);
      } finally {
        running.delete(own);
        own.tell(context);
      }
    }
  };
  context.cancel.listener = listener;
  context.stages.enter(STAGE_EXECUTE, context.now());
  try {
    await Promise.all(Array.from({ length: Math.min(MAX_AT_ONCE, inputs.length) }, runner));
    return answers;
  } catch (error) {
    next = inputs.length;
    cancelAll(running, new ServingError('cancelled', 'another part of the request has failed'));
    throw error;
  } finally {
    if (context.cancel.listener === listener) context.cancel.listener = undefined;
    context.stages.enter(STAGE_SPLIT, context.now());
    handle.release();
  }
}

/** Checks the inputs of each group, and runs all; takes over the handle. Rejects with ServingError. */
export async function runGroupsOn(
  { handle, served }: StandIn,
  { inputs, outputs, context }: Omit<GroupedRequest, 'signatureName'>,
): Promise<readonly TensorMap[]> {
  const { signatureName, signature } = served;
  let checked: readonly TensorMap[];
  try {
    checked = inputs.map((each) => checkInputs(served, signature, each));
  } catch (error) {
    handle.release();
    throw error;
  }
  return runGroups(handle, { signatureName, inputs: checked, outputs, context });
}

function cancelAll(running: ReadonlySet<PartContext>, reason: ServingError): void {
  for (const each of [...running]) each.cancel.cancel(reason);
}
