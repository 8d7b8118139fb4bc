/**
 * `backend: auto`: keeps the artifact of a version whose runtime is fastest.
 *
 *   each, preferred first:      load ─▶ same signatures as the first that loaded? ─▶ sweep ─▶ faster than the best yet?
 *                                │ fails          │ no: close it                      │ fails     │ yes: close the best
 *                                ▼                ▼                                   ▼           │ no: close this one
 *                             skipped          skipped                             skipped        ▼
 *                                                                                           next, or done
 *
 * At most two are loaded at any time, and one is left. The version fails only if none can be loaded. The first artifact
 * that loads defines which signatures are served, whichever is chosen. A single artifact is loaded without a sweep.
 */
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Batch, Executor } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import { isRetryable } from '../../models/loading/retryable.ts';
import { type Named, pairedAs } from '../../models/runtimes/paired-names.ts';
import type { Candidate, CandidateReport, ChoiceOptions, Chosen } from '../../models/runtimes/runtime-choice.ts';
import { SAME_FREE_DIMS, sweepBatchSizes } from '../../models/warm-up/batch-sweep.ts';
import { mediansOf, relativeCost, type Timing } from './relative-cost.ts';
import { onlyThoseOf, signatureMismatch } from './same-signatures.ts';
import { type Widened, widenedAs } from './widened-outputs.ts';

export interface ChooseOptions<H extends Candidate> extends ChoiceOptions<H> {
  readonly clock: Clock;
  /** The rows of the model's average batch so far; undefined = not known. */
  readonly learnedRows: number | undefined;
}

interface Loaded<H> {
  readonly kind: string;
  readonly host: H;
  readonly widened: Widened;
  readonly timing: Timing;
}

/** Implements ChooseRuntime. */
export async function chooseRuntime<H extends Candidate>(options: ChooseOptions<H>): Promise<Chosen<H>> {
  const contest = new Contest(options);
  for (const kind of options.kinds) await contest.enter(kind);
  return contest.result();
}

class Contest<H extends Candidate> {
  readonly #options: ChooseOptions<H>;
  readonly #failures: ServingError[] = [];
  readonly #skipped = new Map<string, string>();
  readonly #timings = new Map<string, Timing>();
  #reference: { readonly kind: string; readonly signatures: Signatures } | undefined;
  #best: Loaded<H> | undefined;

  constructor(options: ChooseOptions<H>) {
    this.#options = options;
  }

  async enter(kind: string): Promise<void> {
    let host: H;
    try {
      host = await this.#options.start(kind);
    } catch (thrown) {
      const error = toServingError(thrown);
      this.#failures.push(error);
      this.#skipped.set(kind, error.message);
      return;
    }
    this.#reference ??= { kind, signatures: host.signatures };
    const { kind: first, signatures } = this.#reference;
    const paired = pairedAs(signatures, host);
    const mismatch = signatureMismatch(signatures, paired.signatures);
    if (mismatch === undefined) return this.#compete(kind, host, paired);
    this.#skipped.set(kind, `it is not the model that ${first} has: ${mismatch}`);
    await host.close();
  }

  /** `paired`: the host with the reference's names. */
  async #compete(kind: string, host: H, paired: Named): Promise<void> {
    const isAlone = this.#options.kinds.length === 1;
    const widened = widenedAs(this.#reference!.signatures, paired);
    const timing = isAlone ? [] : await this.#time(widened);
    this.#timings.set(kind, timing);
    const best = this.#best;
    const cost = best && relativeCost(timing, best.timing, this.#options.learnedRows);
    if (best === undefined || (cost !== undefined && cost < 1)) {
      this.#best = { kind, host, widened, timing };
      await best?.host.close();
      return;
    }
    if (cost === undefined)
      this.#skipped.set(kind, `it cannot be compared with ${best.kind}: synthetic batches failed`);
    await host.close();
  }

  /** Times round trips to the runtime and back, which is what a request waits for. */
  async #time({ executor, signatures }: Widened): Promise<Timing> {
    const { clock, scheduler, isGentle } = this.#options;
    const wanted = onlyThoseOf(this.#reference!.signatures, signatures);
    const sweep = await sweepBatchSizes({
      ...scheduler,
      mayBeLarger: false,
      executor: roundTrips(executor),
      signatures: wanted,
      clock,
      isGentle,
      freeDims: SAME_FREE_DIMS,
    });
    return sweep.seeds;
  }

  result(): Chosen<H> {
    const { kinds, learnedRows } = this.#options;
    const best = this.#best;
    if (best === undefined) throw this.#allFailed();
    const candidates = kinds.map((kind) => this.#report(kind, best));
    const choice = { runtime: best.kind, reason: reasonFor(candidates, learnedRows), candidates };
    const { host, widened } = best;
    const signatures = onlyThoseOf(this.#reference!.signatures, widened.signatures);
    return { host, executor: widened.executor, signatures, choice };
  }

  #report(runtime: string, best: Loaded<H>): CandidateReport {
    const timing = this.#timings.get(runtime) ?? [];
    const times = mediansOf(timing);
    const reason = this.#skipped.get(runtime);
    if (reason !== undefined) return { runtime, outcome: 'skipped', reason, times };
    if (runtime === best.kind) return { runtime, outcome: 'chosen', times };
    const cost = relativeCost(timing, best.timing, this.#options.learnedRows);
    return { runtime, outcome: 'slower', times, ...(cost !== undefined && { relativeCost: cost }) };
  }

  /** Retryable if one of the failures is. */
  #allFailed(): ServingError {
    const [first, ...others] = this.#failures;
    if (others.length === 0) return first!;
    const reasons = [...this.#skipped].map(([kind, reason]) => `${kind}: ${reason}`).join('; ');
    const retryable = this.#failures.find(isRetryable);
    return new ServingError(retryable?.kind ?? 'load_failed', `none of its artifacts can be loaded: ${reasons}`, {
      cause: retryable ?? first,
      ...(retryable?.attributes !== undefined && { attributes: retryable.attributes }),
    });
  }
}

function reasonFor(candidates: readonly CandidateReport[], learnedRows: number | undefined): string {
  const costs = candidates.flatMap(({ relativeCost: cost }) => (cost === undefined ? [] : [cost]));
  if (costs.length === 0) {
    return candidates.length === 1 ? 'the version has no other artifact' : 'no other artifact can be used';
  }
  const at = learnedRows === undefined ? 'one row and the largest batch' : `the usual ${round(learnedRows)} rows`;
  return `the next one takes ${round(Math.min(...costs))} × as long, at ${at}`;
}

function round(value: number): number {
  return Number(value.toPrecision(2));
}

/** The executor without the runtime's own times, so that a sweep measures round trips. */
function roundTrips(executor: Executor): Executor {
  return {
    slots: executor.slots,
    allocate: (byteLength) => executor.allocate(byteLength),
    release: (buffer) => executor.release(buffer),
    run: async (batch: Batch) => ({ outputs: (await executor.run(batch)).outputs }),
  };
}
