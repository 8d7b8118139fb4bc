/**
 * The outermost layer of a version's runner where its model has a cache: gives a kept answer, joins a run of the same
 * request that is under way, or runs it and keeps the answer. Errors are not kept.
 *
 *   request ─▶ the same was answered?  ─yes─▶ its answer                           hit
 *                 └no─▶ the same runs? ─yes─▶ waits for that run                   coalesced
 *                          └no─▶ runs, for itself and whoever joins; kept          miss
 */
import type { Clock } from '../../core/clock.ts';
import { areLargerThan, type TensorMap } from '../../core/tensor.ts';
import { RunnerAbove } from '../../models/serving/runner-above.ts';
import type { ServableRequest, ServableRunner } from '../../models/serving/servable.ts';
import { digestOf, isSameRequest, keptCopy, MOST_KEYED_BYTES } from './request-key.ts';
import type { CacheScope, ResponseCache } from './response-cache.ts';
import { SharedRun } from './shared-run.ts';

export class CachedRunner extends RunnerAbove {
  readonly #cache: ResponseCache;
  readonly #scope: CacheScope;
  readonly #clock: Clock;
  /** The runs by digest. */
  readonly #running = new Map<string, SharedRun>();

  constructor(inner: ServableRunner, cache: ResponseCache, clock: Clock) {
    super(inner);
    this.#cache = cache;
    this.#scope = cache.openScope();
    this.#clock = clock;
  }

  override get maySpareRuns(): boolean {
    return true;
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    const { context, inputs } = request;
    const { counts } = this.#cache;
    context.cancel.throwIfCancelled();
    if (areLargerThan(inputs, MOST_KEYED_BYTES)) {
      counts.bypass += 1;
      return this.inner.submit(request);
    }
    const before = this.#clock.nowMs();
    const digest = digestOf(request);
    const known = this.#cache.find(this.#scope, digest, request);
    context.cacheMs = this.#clock.nowMs() - before;
    if (known !== undefined) {
      counts.hit += 1;
      context.cache = 'hit';
      return Promise.resolve(known);
    }
    const running = this.#running.get(digest);
    if (running?.mayJoin(context) === true && isSameRequest(running.request, request)) {
      counts.coalesced += 1;
      context.cache = 'coalesced';
      return running.join(context);
    }
    counts.miss += 1;
    context.cache = 'miss';
    return this.#run(digest, request);
  }

  /** Runs the requests of a MultiInference, which are not looked up. */
  async submitTogether(requests: readonly ServableRequest[]): Promise<readonly TensorMap[]> {
    this.#cache.counts.bypass += requests.length;
    if (this.inner.submitTogether !== undefined) return await this.inner.submitTogether(requests);
    const answers: TensorMap[] = [];
    // Not in parallel: a request's cancel signal has room for one listener.
    for (const request of requests) answers.push(await this.inner.submit(request));
    return answers;
  }

  async close(): Promise<void> {
    await this.inner.close();
    this.#cache.drop(this.#scope);
  }

  #run(digest: string, request: ServableRequest): Promise<TensorMap> {
    const run = new SharedRun({
      runner: this.inner,
      clock: this.#clock,
      request: keptCopy(request),
      onEnd: (ended, outputs) => {
        if (this.#running.get(digest) === ended) this.#running.delete(digest);
        if (outputs !== undefined) this.#cache.put(this.#scope, digest, ended.request, outputs);
      },
    });
    const answer = run.start(request.context);
    this.#running.set(digest, run);
    return answer;
  }
}
