/** A model's executor, beside which a shadow runs copies of some batches. To whoever gives it batches it is the model's. */
import { type Batch, type BatchResult, PassingExecutor } from '../../core/executor.ts';
import type { Shadow, ShadowCopy } from './shadow.ts';

export class ShadowedExecutor extends PassingExecutor {
  /** Undefined until it has loaded, and where it could not. */
  shadow: Shadow | undefined;

  override run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const { shadow } = this;
    // Before the run: it takes the inputs' memory along.
    const copy = shadow?.take(batch);
    if (copy === undefined) return super.run(batch, after);
    return offered(shadow!, copy, () => super.run(batch, after));
  }
}

async function offered(shadow: Shadow, copy: ShadowCopy, run: () => Promise<BatchResult>): Promise<BatchResult> {
  let result: BatchResult;
  try {
    result = await run();
  } catch (error) {
    shadow.drop(copy);
    throw error;
  }
  shadow.offer(copy, result);
  return result;
}
