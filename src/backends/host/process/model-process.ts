/**
 * One life of one child process and of the sessions in it. No restarts here.
 *
 *     open ──▶ session: waits for its turn ──▶ loads ──▶ runs … ──▶ closed
 *                                                                     └ it was the last: the process ends
 *
 * Sessions load one after another, so that a process which dies while one of them loads tells of which. When the process
 * is gone, all of its sessions are: gone is when it has ended and all that it wrote is read, so an answer that was
 * complete counts.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import type { LoadOptions } from '../../backend.ts';
import type { WorkerLoad } from '../host-worker.ts';
import { FRAME_FD, type Frame, PULSE_FD } from './frame.ts';
import { readLines } from './output-lines.ts';
import { type ProcessLink, ProcessSession } from './process-session.ts';
import { PulseWatch } from './pulse-watch.ts';
import { startChild } from './start-child.ts';
import { StreamFrames } from './stream-frames.ts';
import type { Pieces } from './tensor-frames.ts';

export interface ModelProcessOptions {
  /** Of the model, or of the group of models that share it: who lists processes sees it. */
  readonly name: string;
  /** It takes any number of sessions, each on a thread of its own in there; else one. */
  readonly isShared: boolean;
  /** Its environment is made for these. */
  readonly loadOptions: LoadOptions;
  readonly clock: Clock;
  /** Memory above which its sessions are told that it is too large; by default it never is. */
  readonly ceilingBytes?: number | undefined;
  /** Told each line that it prints; `traceparent` is of the run in progress, where it has one session and that is traced. */
  readonly onOutput?: ((line: string, traceparent: string | undefined) => void) | undefined;
  readonly onGone?: (() => void) | undefined;
}

/** How long its end may take before it is forced. */
const END_GRACE_MS = 5000;
/** Someone else may hold the pipes of a process that has ended: it is gone after this all the same. */
const DRAIN_GRACE_MS = 1000;

export class ModelProcess implements ProcessLink {
  readonly clock: Clock;
  readonly isShared: boolean;
  readonly title: string;
  readonly #options: ModelProcessOptions;
  readonly #ceilingBytes: number;
  readonly #child: ChildProcess;
  readonly #frames: StreamFrames;
  readonly #pulses: PulseWatch;
  readonly #sessions = new Map<number, ProcessSession>();
  readonly #gone: Promise<void>;
  #settleGone!: () => void;
  #opened = 0;
  /** The end of the loads so far. */
  #lastLoad: Promise<void> = Promise.resolve();
  #timer: TimerHandle | undefined;
  #isEnding = false;
  #killedBecause: string | undefined;
  #isGone = false;

  /** Throws `load_failed` where the system starts no process. */
  constructor(options: ModelProcessOptions) {
    const { name, isShared, loadOptions, clock, ceilingBytes = Infinity } = options;
    this.#options = options;
    this.clock = clock;
    this.isShared = isShared;
    this.title = isShared ? `process of group "${name}"` : 'process';
    this.#ceilingBytes = ceilingBytes;
    this.#child = startChild(isShared ? './group-entry' : './child-entry', name, loadOptions);
    this.#gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    this.#frames = new StreamFrames(this.#socket(FRAME_FD), {
      onFrame: (frame) => this.#onFrame(frame),
      onBroken: (error) => void this.kill(error.message),
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) readLines(stream, (line) => this.#onLine(line));
    this.#pulses = new PulseWatch({
      clock,
      stream: this.#socket(PULSE_FD),
      onPulse: ({ residentBytes }) => this.#onResident(residentBytes),
      onHang: (reason) => void this.kill(reason),
    });
    this.#watchEnd();
  }

  /** Undefined once it is gone. */
  get pid(): number | undefined {
    return this.#isGone ? undefined : this.#child.pid;
  }

  /** As last heard, in bytes; undefined before, and once it is gone. */
  get residentBytes(): number | undefined {
    return this.#isGone ? undefined : this.#pulses.last?.residentBytes;
  }

  /** Models of its sessions, those that load among them. */
  get models(): readonly string[] {
    return [...this.#sessions.values()].map(({ model }) => model);
  }

  /** It may be given another session: it lives, means to go on, and is not too large. */
  get takesMore(): boolean {
    const isSound = !this.#isGone && !this.#isEnding && this.#killedBecause === undefined;
    return isSound && this.isShared && (this.residentBytes ?? 0) <= this.#ceilingBytes;
  }

  /** A session in it, which loads when those before it have loaded. */
  open(model: string, load: WorkerLoad): ProcessSession {
    const session = new ProcessSession(this, ++this.#opened, model);
    this.#sessions.set(session.id, session);
    this.#lastLoad = this.#lastLoad.then(() => session.load(load));
    return session;
  }

  write(pieces: Pieces): void {
    this.#frames.write(pieces);
  }

  onRunsChanged(): void {
    let least = Infinity;
    for (const { runDeadline } of this.#sessions.values()) if (runDeadline < least) least = runDeadline;
    this.#pulses.expectBy(least);
  }

  isAlone(session: ProcessSession): boolean {
    return this.#sessions.size === 1 && this.#sessions.has(session.id);
  }

  async release(session: ProcessSession): Promise<void> {
    this.#sessions.delete(session.id);
    if (this.#sessions.size > 0) return;
    this.#end();
    await this.#gone;
  }

  async kill(reason: string): Promise<void> {
    this.#killedBecause ??= reason;
    this.#child.kill('SIGKILL');
    await this.#gone;
  }

  /** It ends when it finds our ends closed. */
  #end(): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isEnding = true;
    for (const fd of [FRAME_FD, PULSE_FD]) this.#socket(fd).destroy();
    this.#setTimer(END_GRACE_MS, () => void this.kill('it did not end in time'));
  }

  #socket(fd: number): Socket {
    return this.#child.stdio[fd] as Socket;
  }

  #setTimer(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(this.clock.nowMs() + delayMs, fire);
  }

  #watchEnd(): void {
    let how = 'it did not start';
    this.#child.on('error', (error) => {
      how = error.message;
    });
    this.#child.on('exit', (code, signal) => {
      how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#setTimer(DRAIN_GRACE_MS, () => this.#settleExit(how));
    });
    this.#child.on('close', () => this.#settleExit(how));
  }

  /** Of a session that was given up nothing is wanted any more. */
  #onFrame(frame: Frame): void {
    this.#sessions.get(frame.session)?.onFrame(frame);
  }

  #onLine(line: string): void {
    const [session] = this.isShared ? [] : this.#sessions.values();
    this.#options.onOutput?.(line, session?.traceparent);
  }

  #onResident(residentBytes: number): void {
    if (residentBytes <= this.#ceilingBytes) return;
    const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
    const reason = `it has ${mib(residentBytes)} MiB, over the ceiling of ${mib(this.#ceilingBytes)}`;
    for (const session of this.#sessions.values()) session.tellTooLarge(reason);
  }

  /** Where some were at work, the others are not to blame. */
  #settleExit(how: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#timer?.cancel();
    this.#pulses.stop();
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#options.onGone?.();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    const suspects = new Set(sessions.filter(({ isAtWork }) => isAtWork));
    const reason = this.#killedBecause ?? how;
    for (const session of sessions) session.settleExit(reason, suspects.size > 0 && !suspects.has(session));
    this.#settleGone();
  }
}
