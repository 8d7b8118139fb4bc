/**
 * The tokenizer of one version, in a process of its own: an expression in its file may go on for ever, and native code
 * can be stopped in no other way. A request of many texts is cut into slices; one of them is there at a time, callers in
 * turn (turns.ts).
 *
 *   request A  ▎▎▎▎▎▎  ─┐
 *   request B  ▎▎      ─┴─▶  turns  ─▶  one slice at a time  ─▶  tokens
 *
 * A slice that takes too long, or ends the process, fails its own request. The others wait until there is a new process.
 */
import type { Buffer } from 'node:buffer';
import { startProcessHost } from '../../../backends/host/process/process-host.ts';
import type { Sandbox } from '../../../backends/host/process/sandbox.ts';
import { siblingModule } from '../../../backends/host/sibling-module.ts';
import type { WorkerHosted } from '../../../backends/host/worker-host.ts';
import type { Clock } from '../../../core/clock.ts';
import { toServingError } from '../../../core/errors.ts';
import type { BatchOrigin } from '../../../core/executor.ts';
import { Priority } from '../../../core/priority.ts';
import type { StringTensor, TensorMap } from '../../../core/tensor.ts';
import type { Encoded, TokenizeOptions, TokenizerUser } from '../exported/text-model.ts';
import { withMemoryLimit } from './bounded-memory.ts';
import type { NativeOptions } from './native-tokenizer.ts';
import {
  CALLS,
  type CallName,
  ENCODE_OUTPUTS,
  encodedFrom,
  FLAG_PAIR,
  FLAG_PLAIN,
  int32s,
  numbersOf,
  OFFSET_OUTPUTS,
  PARAMETERS,
  strings,
  uint8s,
} from './tokenizer-calls.ts';
import { ofTexts, tookTooLong, tooLate, tooLong, tooManyTokens } from './tokenizer-errors.ts';
import { Turns } from './turns.ts';

/** A text, or a pair, in UTF-8. */
export interface ByteRow {
  readonly text: Uint8Array;
  readonly pair?: Uint8Array | undefined;
}

export interface TokenizerHostOptions extends NativeOptions {
  readonly clock: Clock;
  /** The model's name, for process lists and messages. */
  readonly model: string;
  readonly versionDirectory: string;
  readonly sandbox: Sandbox | undefined;
  /** Tells the log. */
  readonly onEvent: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A tokenizer of 276,000 pieces is read in about a second. */
const MOST_LOAD_MS = 60_000;
/** The time of a slice: the first for any, and a bit for each byte: the slowest tokenizers read some MB a second. */
const SLICE_MS = 2000;
const BYTES_PER_MS = 1000;
const SLICE_BYTES = 64 * 1024;
const SLICE_ROWS = 128;
const SLICE_IDS = SLICE_BYTES / Int32Array.BYTES_PER_ELEMENT;
/** How long a slice waits for a new process, after one was lost for no fault of the slice, and how many may be lost under it. */
const MOST_RESTART_MS = 15_000;
const MOST_LOST = 3;
const RETRY_MS = 100;
/** A run that failed sooner has met no process. */
const LEAST_RUN_MS = 20;
/** Memory that the process may write to: some ten times what the largest vocabularies take. */
const MOST_KIB = 2 * 2 ** 20;

/** `bytes`: those of its texts or ids, by which it may take longer. */
interface Call {
  readonly name: CallName;
  readonly inputs: TensorMap;
  readonly outputs: readonly string[];
  readonly bytes: number;
}

export class TokenizerHost {
  readonly #options: TokenizerHostOptions;
  readonly #host: WorkerHosted;
  readonly #turns: Turns;
  #isClosed = false;

  private constructor(options: TokenizerHostOptions, host: WorkerHosted) {
    this.#options = options;
    this.#host = host;
    this.#turns = new Turns(options.clock);
  }

  /** Rejects with `load_failed` if the file cannot be read within its time and memory. */
  static async start(options: TokenizerHostOptions): Promise<TokenizerHost> {
    const { clock, model, versionDirectory, file, sandbox, signal, onEvent } = options;
    const tooLate = new AbortController();
    const giveUp = (): void => tooLate.abort(tooLong(file, MOST_LOAD_MS));
    const timer = clock.setTimer(clock.nowMs() + MOST_LOAD_MS, giveUp);
    try {
      const host = await startProcessHost({
        model: `${model} (tokenizer)`,
        versionDirectory,
        backendModule: siblingModule(import.meta.url, './tokenizer-entry').href,
        loadOptions: { intraOpThreads: 1, executionProvider: 'cpu', parameters: parametersOf(options), model },
        slots: 1,
        clock,
        sandbox: withMemoryLimit(sandbox, MOST_KIB),
        endsAbandonedRuns: true,
        onWorkerEvent: ({ what, reason }) => onEvent(`its tokenizer's process: ${what}${reason && `, ${reason}`}`),
        onOutput: (line) => onEvent(`its tokenizer: ${line.slice(0, 1000)}`),
        signal: signal === undefined ? tooLate.signal : AbortSignal.any([tooLate.signal, signal]),
      });
      return new TokenizerHost(options, host);
    } catch (error) {
      throw tooLate.signal.aborted ? tooLong(file, MOST_LOAD_MS) : toServingError(error);
    } finally {
      timer.cancel();
    }
  }

  /** Resident memory of its process, in bytes; undefined before it tells. */
  get residentBytes(): number | undefined {
    return this.#host.residentBytes?.();
  }

  /**
   * The tokens of each row. Owns the user's cancel listener until it settles. Rejects with `too_large` after the slice that
   * has brought more than `mostTokens`.
   */
  async encode(rows: readonly ByteRow[], options: TokenizeOptions, user: TokenizerUser): Promise<readonly Encoded[]> {
    const { mostTokens = Infinity } = options;
    const encoded: Encoded[] = [];
    let tokens = 0;
    for (let from = 0; from < rows.length; ) {
      const to = endOfSlice(rows, from);
      const slice = rows.slice(from, to);
      for (const each of await this.#turns.take(user, () => this.#encodeSlice(slice, options, user, from))) {
        tokens += each.ids.length;
        encoded.push(each);
      }
      if (tokens > mostTokens) throw tooManyTokens(tokens, mostTokens, to, rows.length);
      from = to;
    }
    return encoded;
  }

  /** The text of each id of a token. */
  textsOf(ids: Int32Array, user: TokenizerUser): Promise<readonly Uint8Array[]> {
    const lists = Array.from(ids, (_, i) => ids.subarray(i, i + 1));
    return this.decode(lists, user);
  }

  /** The text of each list of ids. */
  async decode(lists: readonly Int32Array[], user: TokenizerUser): Promise<readonly Uint8Array[]> {
    const texts: Uint8Array[] = [];
    for (let from = 0; from < lists.length; ) {
      let to = from;
      for (let ids = 0; to < lists.length && to - from < SLICE_ROWS && (to === from || ids < SLICE_IDS); to++)
        ids += lists[to]!.length;
      for (const text of await this.#decodeSlice(lists.slice(from, to), user)) texts.push(text);
      from = to;
    }
    return texts;
  }

  async #decodeSlice(lists: readonly Int32Array[], user: TokenizerUser): Promise<readonly Uint8Array[]> {
    const ids = Int32Array.from(lists.flatMap((list) => [...list]));
    const counts = Int32Array.from(lists, ({ length }) => length);
    const inputs: TensorMap = new Map([
      ['ids', int32s(ids)],
      ['counts', int32s(counts)],
    ]);
    const call = { name: CALLS.texts, inputs, outputs: ['texts'], bytes: ids.byteLength };
    const answer = await this.#turns.take(user, () => this.#call(call, user));
    return (answer.get('texts') as StringTensor).data;
  }

  /** The ids of tokens; -1 for one that the vocabulary lacks. */
  async idsOf(tokens: readonly Buffer[], user: TokenizerUser): Promise<Int32Array> {
    const call = { name: CALLS.ids, inputs: new Map([['texts', strings(tokens)]]), outputs: ['ids'], bytes: 0 };
    return numbersOf((await this.#turns.take(user, () => this.#call(call, user))).get('ids'));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#turns.close();
    await this.#host.close();
  }

  async #encodeSlice(
    rows: readonly ByteRow[],
    { hasOffsets = false, addsSpecialTokens = true }: TokenizeOptions,
    user: TokenizerUser,
    first: number,
  ): Promise<readonly Encoded[]> {
    const none = new Uint8Array(0);
    const plain = addsSpecialTokens ? 0 : FLAG_PLAIN;
    const inputs: TensorMap = new Map([
      ['texts', strings(rows.map(({ text }) => text))],
      ['pairs', strings(rows.map(({ pair }) => pair ?? none))],
      ['flags', uint8s(Uint8Array.from(rows, ({ pair }) => plain | (pair === undefined ? 0 : FLAG_PAIR)))],
    ] as never);
    const name = hasOffsets ? CALLS.encodeWithOffsets : CALLS.encode;
    try {
      const outputs = hasOffsets ? OFFSET_OUTPUTS : ENCODE_OUTPUTS;
      return encodedFrom(await this.#call({ name, inputs, outputs, bytes: bytesOf(rows) }, user));
    } catch (error) {
      throw ofTexts(toServingError(error), first, rows.length);
    }
  }

  /** A process that is lost while others are at fault is waited for, as long as the user wants the answer. */
  async #call({ name, inputs, outputs, bytes }: Call, { cancel, deadline: until }: TokenizerUser): Promise<TensorMap> {
    const { clock } = this.#options;
    const givenUpAt = clock.nowMs() + MOST_RESTART_MS;
    const allowedMs = SLICE_MS + bytes / BYTES_PER_MS;
    for (let lost = 0; ; ) {
      const startedAt = clock.nowMs();
      cancel.throwIfCancelled();
      if (startedAt > until) throw tooLate();
      try {
        const deadline = startedAt + allowedMs;
        const batch = { signatureName: name, inputs, outputs, size: 1, deadline, origin: originOf() };
        return (await this.#host.executor.run(batch)).outputs;
      } catch (thrown) {
        const error = toServingError(thrown);
        const ranMs = clock.nowMs() - startedAt;
        if (error.kind !== 'worker_lost') throw error;
        if (ranMs >= allowedMs) throw tookTooLong(allowedMs);
        if (ranMs >= LEAST_RUN_MS) lost += 1;
        if (lost === MOST_LOST || this.#isClosed || clock.nowMs() > givenUpAt) throw error;
        await delay(clock, Math.min(error.retryAfterMs ?? RETRY_MS, RETRY_MS));
      }
    }
  }
}

function parametersOf({
  file,
  maxTokens,
  cuts,
  strips,
  takesPairs,
}: NativeOptions): ReadonlyMap<string, string | number> {
  return new Map<string, string | number>([
    [PARAMETERS.file, file],
    [PARAMETERS.maxTokens, maxTokens],
    [PARAMETERS.cuts, cuts],
    [PARAMETERS.strips, Number(strips)],
    [PARAMETERS.takesPairs, Number(takesPairs)],
  ]);
}

/** A run whose callers nobody asks after: it is ended when it is overdue. */
function originOf(): BatchOrigin {
  return { traceHeaders: undefined, priority: Priority.default, onAbandoned: undefined, note: () => undefined };
}

function endOfSlice(rows: readonly ByteRow[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < rows.length && to - from < SLICE_ROWS && (to === from || bytes < SLICE_BYTES)) {
    bytes += bytesOf([rows[to]!]);
    to += 1;
  }
  return to;
}

function bytesOf(rows: readonly ByteRow[]): number {
  return rows.reduce((sum, { text, pair }) => sum + text.length + (pair?.length ?? 0), 0);
}

function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(clock.nowMs() + ms, resolve));
}
