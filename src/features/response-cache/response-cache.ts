/**
 * The kept answers of one model, over its loaded versions: at most so many bytes, the least recently used leave first.
 * An answer that is older than its time is not given, and leaves when it is asked for or its turn comes.
 *
 *   least recent                          most recent
 *   [ answer ][ answer ][ answer ] … [ answer ]        each with the request that it answers, to be compared
 *
 * Each version has a scope of its own: an answer of one is never given for another.
 */
import type { Clock, Instant } from '../../core/clock.ts';
import { memoryOf, type TensorMap, withOwnMemory } from '../../core/tensor.ts';
import { type KeptAnswers, KeptMemory } from '../../models/memory/kept-memory.ts';
import { isSameRequest, type KeyedRequest } from './request-key.ts';

/**
 * The events that are counted. `bypass`: it was not looked up, as its inputs are too large, or it is one of a
 * MultiInference.
 */
export type CacheEvent = 'hit' | 'miss' | 'coalesced' | 'bypass';

export interface CacheBounds {
  readonly maxBytes: number;
  readonly ttlMs: number;
}

/** One version's answers. */
export type CacheScope = number;

interface Entry {
  readonly scope: CacheScope;
  readonly request: KeyedRequest;
  readonly outputs: TensorMap;
  readonly bytes: number;
  readonly expiresAt: Instant;
}

/** An entry's memory beside its tensors' bytes. */
const ENTRY_BYTES = 512;

export class ResponseCache implements KeptAnswers {
  readonly counts: Record<CacheEvent, number> = { hit: 0, miss: 0, coalesced: 0, bypass: 0 };
  /** Answers that left to make room. */
  evictions = 0;
  #bounds: CacheBounds;
  readonly #clock: Clock;
  readonly #kept: KeptMemory;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #scopes = 0;

  /** `kept` counts what all models keep. Default: of this one alone, without a bound. */
  constructor(bounds: CacheBounds, clock: Clock, kept = new KeptMemory()) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#kept = kept;
    kept.register(this);
  }

  get bounds(): CacheBounds {
    return this.#bounds;
  }

  /** Answers beyond the bounds leave now. Those that are kept expire when they would have. */
  set bounds(bounds: CacheBounds) {
    this.#bounds = bounds;
    this.#evict(() => this.#bytes <= bounds.maxBytes);
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  openScope(): CacheScope {
    this.#scopes += 1;
    return this.#scopes;
  }

  /** Finds the answer of a request by its `digest`. Undefined if it has none. */
  find(scope: CacheScope, digest: string, request: KeyedRequest): TensorMap | undefined {
    const key = keyOf(scope, digest);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt <= this.#clock.nowMs()) {
      this.#remove(key, entry);
      return undefined;
    }
    if (!isSameRequest(entry.request, request)) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.outputs;
  }

  /**
   * Takes over the request, which has memory of its own. Keeps nothing that would take most of the room, nor what the
   * memory of all models has no room for.
   */
  put(scope: CacheScope, digest: string, request: KeyedRequest, outputs: TensorMap): void {
    const bytes = ENTRY_BYTES + memoryOf(request.inputs) + memoryOf(outputs);
    const { maxBytes, ttlMs } = this.bounds;
    if (bytes > maxBytes / 2) return;
    const key = keyOf(scope, digest);
    const before = this.#entries.get(key);
    if (before !== undefined) this.#remove(key, before);
    this.#evict(() => this.#bytes + bytes <= maxBytes);
    if (!this.#kept.makeRoomFor(bytes)) return;
    const own = new Map([...outputs].map(([name, tensor]) => [name, withOwnMemory(tensor)]));
    this.#entries.set(key, { scope, request, outputs: own, bytes, expiresAt: this.#clock.nowMs() + ttlMs });
    this.#addBytes(bytes);
  }

  giveUp(bytes: number): void {
    const most = this.#bytes - bytes;
    this.#evict(() => this.#bytes <= most);
  }

  /** The version has ended. */
  drop(scope: CacheScope): void {
    for (const [key, entry] of this.#entries) if (entry.scope === scope) this.#remove(key, entry);
  }

  #evict(isEnough: () => boolean): void {
    for (const [oldest, entry] of this.#entries) {
      if (isEnough()) return;
      this.#remove(oldest, entry);
      this.evictions += 1;
    }
  }

  #remove(key: string, { bytes }: Entry): void {
    this.#entries.delete(key);
    this.#addBytes(-bytes);
  }

  #addBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#kept.add(bytes);
  }
}

function keyOf(scope: CacheScope, digest: string): string {
  return `${scope} ${digest}`;
}
