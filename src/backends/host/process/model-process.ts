/**
 * One child process and the sessions in it, from its start to its end. Its owner restarts it (worker-slots.ts).
 *
 *     open ──▶ session: waits for its turn ──▶ loads ──▶ runs … ──▶ closed
 *                                                                     └ it was the last: the process ends
 *
 * Sessions load one after another, so that when the process dies during a load it is known which session was loading.
 * The process is gone, and all of its sessions with it, when it has ended and all of its output is read: an answer that
 * was written completely still counts.
 */
import type { Socket } from 'node:net';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import type { WorkerLoad } from '../host-worker.ts';
import { FRAME_FD, type Frame, HEARTBEAT_FD } from './frame.ts';
import { ABANDONED_RUN_MS, HeartbeatMonitor } from './heartbeat-monitor.ts';
import { readLines } from './output-lines.ts';
import { type ProcessLink, ProcessSession } from './process-session.ts';
import type { ModelFiles, SandboxState } from './sandbox.ts';
import { type ChildOptions, describeEnd, modelPid, type StartedChild, startChild } from './start-child.ts';
import { StreamFrames } from './stream-frames.ts';
import type { Pieces } from './tensor-frames.ts';

export interface ModelProcessOptions extends ChildOptions {
  /** True: any number of sessions, each on its own thread. False: one session. */
  readonly isShared: boolean;
  readonly clock: Clock;
  /** It is killed soon after nobody waits for its run any more. Absent = false. */
  readonly endsAbandonedRuns?: boolean | undefined;
  /** Resident memory above which its sessions report that it is too large, in bytes; by default there is no limit. */
  readonly ceilingBytes?: number | undefined;
  /** Called with each line that it prints. `traceparent` is that of its only session's current run, if traced. */
  readonly onOutput?: ((line: string, traceparent: string | undefined) => void) | undefined;
  readonly onGone?: (() => void) | undefined;
}

/** How long it may take to end before it is killed. */
const END_GRACE_MS = 5000;
/**
 * How a process ends by what it does itself. Others are ended by an operator, or by the system when memory runs out, with
 * SIGKILL mostly.
 */
const CRASH = /^(?:exit code |signal SIG(?:ABRT|SEGV|BUS|ILL|FPE|TRAP|SYS)$)/;
/** How long its pipes may stay open after it has ended: another process may hold them. */
const DRAIN_GRACE_MS = 1000;

export class ModelProcess implements ProcessLink {
  readonly clock: Clock;
  readonly isShared: boolean;
  readonly title: string;
  readonly #options: ModelProcessOptions;
  readonly #ceilingBytes: number;
  readonly #started: StartedChild;
  readonly #frames: StreamFrames;
  readonly #heartbeats: HeartbeatMonitor;
  readonly #sessions = new Map<number, ProcessSession>();
  readonly #gone: Promise<void>;
  #settleGone!: () => void;
  #opened = 0;
  /** Resolves when all loads so far have ended. */
  #lastLoad: Promise<void> = Promise.resolve();
  #timer: TimerHandle | undefined;
  #isEnding = false;
  #killedBecause: string | undefined;
  #isOverdue = false;
  #isGone = false;

  /** Throws `load_failed` when the system cannot start a process. */
  constructor(options: ModelProcessOptions) {
    const { name, isShared, clock, ceilingBytes = Infinity } = options;
    this.#options = options;
    this.clock = clock;
    this.isShared = isShared;
    this.title = isShared ? `process of group "${name}"` : 'process';
    this.#ceilingBytes = ceilingBytes;
    this.#started = startChild(isShared ? './group-entry' : './child-entry', options);
    const { child } = this.#started;
    this.#gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    this.#frames = new StreamFrames(this.#socket(FRAME_FD), {
      onFrame: (frame) => this.#onFrame(frame),
      onBroken: (error) => void this.kill(error.message),
    });
    for (const stream of [child.stdout!, child.stderr!]) readLines(stream, (line) => this.#onLine(line));
    this.#heartbeats = new HeartbeatMonitor({
      clock,
      stream: this.#socket(HEARTBEAT_FD),
      onHeartbeat: ({ residentBytes }) => this.#checkCeiling(residentBytes),
      overdueMs: options.endsAbandonedRuns === true ? ABANDONED_RUN_MS : undefined,
      onHang: (reason, what) => {
        this.#isOverdue ||= what === 'overdue';
        void this.kill(reason);
      },
    });
    this.#watchEnd();
  }

  /** Undefined when it is gone. */
  get pid(): number | undefined {
    return this.#isGone ? undefined : modelPid(this.#started);
  }

  /** Resident memory in the last heartbeat, in bytes; undefined before the first one and when it is gone. */
  get residentBytes(): number | undefined {
    return this.#isGone ? undefined : this.#heartbeats.last?.residentBytes;
  }

  /** The state of its sandbox. */
  get sandbox(): SandboxState {
    return this.#started.confined.state;
  }

  /** The models of its sessions, including those that load. */
  get models(): readonly string[] {
    return [...this.#sessions.values()].map(({ model }) => model);
  }

  /** True when another session may be opened: it is shared and alive, does not end, and is not too large. */
  get takesMore(): boolean {
    const isSound = !this.#isGone && !this.#isEnding && this.#killedBecause === undefined;
    return isSound && this.isShared && (this.residentBytes ?? 0) <= this.#ceilingBytes;
  }

  /** The execution provider of its sessions. */
  get executionProvider(): string {
    return this.#options.loadOptions.executionProvider;
  }

  /** Its sandbox shows it these files. Throws `load_failed` if they may be shown to no process. */
  sees(files: ModelFiles): boolean {
    return this.#started.confined.admits(files);
  }

  /** Opens a session, which loads after those before it. */
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
    let earliest = Infinity;
    for (const { runDeadline } of this.#sessions.values()) if (runDeadline < earliest) earliest = runDeadline;
    this.#heartbeats.expectBy(earliest);
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
    this.#started.child.kill('SIGKILL');
    await this.#gone;
  }

  /** Closes our ends of the sockets, whereupon it ends. */
  #end(): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isEnding = true;
    for (const fd of [FRAME_FD, HEARTBEAT_FD]) this.#socket(fd).destroy();
    this.#setTimer(END_GRACE_MS, () => void this.kill('it did not end in time'));
  }

  #socket(fd: number): Socket {
    return this.#started.child.stdio[fd] as Socket;
  }

  #setTimer(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(this.clock.nowMs() + delayMs, fire);
  }

  #watchEnd(): void {
    const { child, confined } = this.#started;
    let how = 'it did not start';
    child.on('error', (error) => {
      how = error.message;
    });
    child.on('exit', (code, signal) => {
      how = describeEnd(code, signal, confined);
      this.#setTimer(DRAIN_GRACE_MS, () => this.#settleExit(how));
    });
    child.on('close', () => this.#settleExit(how));
  }

  /** Ignores the frames of a session that was abandoned. */
  #onFrame(frame: Frame): void {
    this.#sessions.get(frame.session)?.onFrame(frame);
  }

  #onLine(line: string): void {
    const [session] = this.isShared ? [] : this.#sessions.values();
    this.#options.onOutput?.(line, session?.traceparent);
  }

  #checkCeiling(residentBytes: number): void {
    if (residentBytes <= this.#ceilingBytes) return;
    const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
    const reason = `it has ${mib(residentBytes)} MiB, over the ceiling of ${mib(this.#ceilingBytes)}`;
    for (const session of this.#sessions.values()) session.reportTooLarge(reason);
  }

  /** If some sessions were loading or running, the others are blameless. A run that was ended is no fault of any. */
  #settleExit(how: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#timer?.cancel();
    this.#heartbeats.stop();
    for (const stream of this.#started.child.stdio) stream?.destroy();
    this.#options.onGone?.();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    const suspects = new Set(sessions.filter(({ isActive }) => isActive));
    const reason = this.#killedBecause ?? how;
    // Nobody knows whose run it was if there are two suspects.
    const isOwnFault = suspects.size === 1 && this.#killedBecause === undefined && CRASH.test(how);
    for (const session of sessions) {
      const isSuspect = suspects.has(session);
      session.settleExit(reason, this.#isOverdue || (suspects.size > 0 && !isSuspect), isSuspect && isOwnFault);
    }
    this.#settleGone();
  }
}
