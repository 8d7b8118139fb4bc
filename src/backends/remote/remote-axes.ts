/**
 * Decides whether requests for a remote model may share calls. Nothing can be tried from here, so its server is asked:
 *
 *   remote.yaml has batching ──▶ obeyed
 *   a Pillion                ──▶ as it has found out, with the version that it has found it out of
 *   a Triton                 ──▶ a max_batch_size above 0 declares it
 *   any other server         ──▶ not known: each request is a call of its own
 *
 * The server may find out later, or change its model, so it is asked again for as long as the session is open: soon
 * while answers are new, and later every MOST_PAUSE_MS. A call of several requests may have been answered by another
 * version than the one that was asked about: `mayShare` tells.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';
import { GrpcStatus } from '../../core/errors.ts';
import type { BatchAxis, Signature, Signatures } from '../../core/signature.ts';
import type { RemoteChannel, RemoteFault } from './remote-channel.ts';
import type { RemoteProtocol, ReportedAxes } from './remote-protocol.ts';

export interface RemoteAxesParts {
  readonly protocol: RemoteProtocol;
  readonly channel: RemoteChannel;
  readonly clock: Clock;
  /** The value of remote.yaml; undefined = the server decides. */
  readonly isBatching: boolean | undefined;
  /** The signatures of the load, with candidates for batch axes. */
  readonly candidates: Signatures;
}

/** The first pause between two questions, and the longest. */
export const FIRST_PAUSE_MS = 1000;
export const MOST_PAUSE_MS = 10_000;
const ANSWER_WITHIN_MS = 5000;

/** The server does not know the question. */
const NOT_KNOWN: ReadonlySet<number> = new Set([GrpcStatus.INVALID_ARGUMENT, GrpcStatus.UNIMPLEMENTED]);
/** The server is away: what it said before still stands. */
const AWAY: ReadonlySet<number> = new Set([
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.RESOURCE_EXHAUSTED,
  GrpcStatus.CANCELLED,
]);

const NOTHING_REPORTED: ReportedAxes = { version: undefined, axes: new Map() };
const NOT_PROVED = 'its server does not say that rows keep apart';
const FIX = 'if the rows are independent, set "batching: true" in remote.yaml';

export class RemoteAxes {
  readonly #parts: RemoteAxesParts;
  #reported: ReportedAxes = NOTHING_REPORTED;
  #pauseMs = FIRST_PAUSE_MS;
  #timer: TimerHandle | undefined;
  #looking: Promise<void> | undefined;
  /** The signatures whose requests share calls as the server says, and not as their owner declares. */
  #followed: ReadonlySet<string> = new Set();
  #onChange: ((signatures: Signatures) => void) | undefined;
  #isClosed = false;

  constructor(parts: RemoteAxesParts) {
    this.#parts = parts;
  }

  /** The signatures by the server's last report. */
  get signatures(): Signatures {
    return new Map([...this.#parts.candidates].map(([name, signature]) => [name, this.#decided(name, signature)]));
  }

  /** Asks the server. Never rejects: without an answer nothing is proved. */
  look(): Promise<void> {
    if (!this.#mayChange || this.#isClosed) return Promise.resolve();
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Asks again and again, until `close`. `onChange` gets all signatures when the server says something else of one. */
  watch(followed: ReadonlySet<string>, onChange: (signatures: Signatures) => void): void {
    if (!this.#mayChange) return;
    this.#followed = followed;
    this.#onChange = onChange;
    this.#arm();
  }

  /** The server may have changed: asks at once, unless it is being asked. */
  lookSoon(): void {
    if (this.#onChange === undefined) return;
    this.#pauseMs = FIRST_PAUSE_MS;
    void this.look();
  }

  /** Whether an answer of this version may hold rows of several requests for the signature. */
  mayShare(signatureName: string, version: string | undefined): boolean {
    if (!this.#followed.has(signatureName)) return true;
    const { version: reported, axes } = this.#reported;
    const isOfVersion = reported === undefined || version === undefined || version === reported;
    return isOfVersion && axes.get(signatureName)?.kind === 'dynamic';
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** The server decides, and there is something to decide. */
  get #mayChange(): boolean {
    const { isBatching, candidates } = this.#parts;
    return isBatching === undefined && [...candidates.values()].some(({ batchAxis }) => batchAxis.kind !== 'none');
  }

  async #look(): Promise<void> {
    const reported = await this.#ask();
    if (reported === undefined || this.#isClosed) return;
    const before = shared(this.signatures);
    this.#reported = reported;
    const { signatures } = this;
    if (shared(signatures) !== before) {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#onChange?.(signatures);
    }
  }

  /** Undefined = the server cannot be asked now. */
  async #ask(): Promise<ReportedAxes | undefined> {
    const { protocol, channel, clock } = this.#parts;
    for (const { path, write, read } of protocol.axisQuestions) {
      try {
        return read(await channel.call({ path, message: write(), deadline: clock.nowMs() + ANSWER_WITHIN_MS }));
      } catch (thrown) {
        const { code } = thrown as Partial<RemoteFault>;
        if (code !== undefined && AWAY.has(code)) return undefined;
        if (code === undefined || !NOT_KNOWN.has(code)) return NOTHING_REPORTED;
      }
    }
    return NOTHING_REPORTED;
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { clock } = this.#parts;
    this.#timer = clock.setTimer(clock.nowMs() + this.#pauseMs, () => {
      this.#pauseMs = Math.min(MOST_PAUSE_MS, this.#pauseMs * 2);
      void this.look().then(() => this.#arm());
    });
  }

  #decided(name: string, signature: Signature): Signature {
    const { isBatching } = this.#parts;
    if (signature.batchAxis.kind === 'none') return signature;
    if (isBatching === false) return { ...signature, batchAxis: { kind: 'none', reason: 'off in remote.yaml' } };
    return { ...signature, batchAxis: isBatching === true ? DECLARED : this.#reportedOf(name), hasRows: true };
  }

  #reportedOf(name: string): BatchAxis {
    const reported = this.#reported.axes.get(name);
    if (reported === undefined) return { kind: 'none', reason: NOT_PROVED, fix: FIX };
    const reason = `as its server says: ${reported.reason || 'no reason is given'}`;
    return reported.kind === 'dynamic' ? { kind: 'dynamic', reason } : { kind: 'none', reason, fix: FIX };
  }
}

const DECLARED: BatchAxis = { kind: 'dynamic', reason: 'declared in remote.yaml' };

/** Tells two sets of signatures apart by how they share calls, and why. */
function shared(signatures: Signatures): string {
  return JSON.stringify([...signatures].map(([name, { batchAxis }]) => [name, batchAxis.kind, batchAxis.reason]));
}
