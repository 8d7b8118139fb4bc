/**
 * One life of one child process that hosts a session: load, run one batch at a time, close or die. No restarts here.
 *
 * Every promise handed out settles, whatever the process does: when it is gone, what was pending is rejected with
 * `worker_lost`, or `load_failed` if it had not loaded yet. Gone is when it has ended and all that it wrote is read: an
 * answer that was complete counts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import { ServingError } from '../../../core/errors.ts';
import { type ErrorMessage, fromErrorMessage } from '../error-message.ts';
import type { HostWorker, Pending, WorkerLoad, WorkerReady } from '../host-worker.ts';
import { siblingModule } from '../sibling-module.ts';
import { type Answer, type Call, machineTimeMs } from '../worker-call.ts';
import { childEnvironment } from './child-environment.ts';
import { FRAME, FRAME_FD, type Frame, PULSE_FD, readValue, valueFrame } from './frame.ts';
import { readLines } from './output-lines.ts';
import { PulseWatch } from './pulse-watch.ts';
import { StreamFrames } from './stream-frames.ts';
import { callFrame, readAnswer } from './tensor-frames.ts';

export interface ProcessWorkerOptions {
  readonly model: string;
  readonly load: WorkerLoad;
  readonly clock: Clock;
  /** Memory above which it says that it is too large; by default it never is. */
  readonly ceilingBytes?: number | undefined;
  /** Told each line that the process prints. */
  readonly onOutput?: ((line: string) => void) | undefined;
}

/** How long an end may take before it is forced. */
const CLOSE_GRACE_MS = 5000;
/** Someone else may hold the pipes of a process that has ended: it is gone after this all the same. */
const DRAIN_GRACE_MS = 1000;

export class ProcessWorker implements HostWorker {
  readonly ready: Promise<WorkerReady>;
  onExit: ((reason: string) => void) | undefined;
  onTooLarge: ((reason: string) => void) | undefined;

  readonly #model: string;
  readonly #clock: Clock;
  readonly #ceilingBytes: number;
  readonly #child: ChildProcess;
  readonly #frames: StreamFrames;
  readonly #pulses: PulseWatch;
  readonly #gone: Promise<void>;
  #settleGone!: () => void;
  #timer: TimerHandle | undefined;
  #isReady = false;
  #loading: Pending<WorkerReady> | undefined;
  #running: Pending<Answer> | undefined;
  #killedBecause: string | undefined;
  #goneBecause: string | undefined;

  /** Throws `load_failed` where the system starts no process. */
  constructor({ model, load, clock, ceilingBytes = Infinity, onOutput = () => undefined }: ProcessWorkerOptions) {
    this.#model = model;
    this.#clock = clock;
    this.#ceilingBytes = ceilingBytes;
    this.#child = startChild(model, load);
    this.ready = new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
    });
    // Who waits for it sees the rejection; who closes before that need not.
    this.ready.catch(() => undefined);
    this.#gone = new Promise((resolve) => {
      this.#settleGone = resolve;
    });
    this.#frames = new StreamFrames(this.#socket(FRAME_FD), {
      onFrame: (frame) => this.#onFrame(frame),
      onBroken: (error) => this.kill(error.message),
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) readLines(stream, onOutput);
    this.#pulses = new PulseWatch({
      clock,
      stream: this.#socket(PULSE_FD),
      onPulse: ({ residentBytes }) => this.#onResident(residentBytes),
      onHang: (reason) => this.kill(reason),
    });
    this.#watchEnd();
    this.#frames.write([valueFrame(FRAME.start, load)]);
  }

  get goneBecause(): string | undefined {
    return this.#goneBecause;
  }

  get residentBytes(): number | undefined {
    return this.#goneBecause === undefined ? this.#pulses.last?.residentBytes : undefined;
  }

  /** Undefined once it is gone. */
  get pid(): number | undefined {
    return this.#goneBecause === undefined ? this.#child.pid : undefined;
  }

  run(call: Call): Promise<Answer> {
    if (this.#running !== undefined) throw new Error('a worker runs one batch at a time');
    return new Promise((resolve, reject) => {
      const pieces = callFrame(call);
      this.#pulses.expectBy(call.deadline - machineTimeMs() + this.#clock.nowMs());
      this.#running = { resolve, reject };
      this.#frames.write(pieces);
    });
  }

  /** A load in progress is not waited for. */
  async close(): Promise<void> {
    if (this.#goneBecause !== undefined) return;
    if (this.#isReady) {
      this.#frames.write([valueFrame(FRAME.close)]);
      this.#setTimer(CLOSE_GRACE_MS, () => this.kill('it did not end in time'));
    } else this.kill('it was closed while it loaded');
    await this.#gone;
  }

  /** Ends the process at once; `reason` is what becomes of it. */
  kill(reason: string): void {
    this.#killedBecause ??= reason;
    this.#child.kill('SIGKILL');
  }

  #socket(fd: number): Socket {
    return this.#child.stdio[fd] as Socket;
  }

  #setTimer(delayMs: number, fire: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + delayMs, fire);
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

  #onFrame(frame: Frame): void {
    switch (frame.kind) {
      case FRAME.ready:
        this.#isReady = true;
        this.#loading?.resolve(readValue(frame) as WorkerReady);
        this.#loading = undefined;
        break;
      case FRAME.loadFailed:
        this.#loading?.reject(fromErrorMessage(readValue(frame) as ErrorMessage));
        this.#loading = undefined;
        break;
      case FRAME.done:
        this.#settleRun()?.resolve(readAnswer(frame));
        break;
      case FRAME.failed:
        this.#settleRun()?.reject(fromErrorMessage(readValue(frame) as ErrorMessage));
        break;
      case FRAME.closed:
        // It ends when it finds our ends closed.
        for (const fd of [FRAME_FD, PULSE_FD]) this.#socket(fd).destroy();
        break;
      default:
        throw new Error(`a frame of kind ${frame.kind} came from a model's process`);
    }
  }

  #onResident(residentBytes: number): void {
    if (!this.#isReady || residentBytes <= this.#ceilingBytes) return;
    const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
    this.onTooLarge?.(`it has ${mib(residentBytes)} MiB, over the ceiling of ${mib(this.#ceilingBytes)}`);
  }

  #settleRun(): Pending<Answer> | undefined {
    const running = this.#running;
    this.#running = undefined;
    this.#pulses.expectBy(Infinity);
    return running;
  }

  #settleExit(how: string): void {
    if (this.#goneBecause !== undefined) return;
    const reason = this.#killedBecause ?? how;
    this.#goneBecause = reason;
    this.#timer?.cancel();
    this.#pulses.stop();
    for (const stream of this.#child.stdio) stream?.destroy();
    this.onExit?.(reason);
    const model = `model "${this.#model}"`;
    this.#loading?.reject(
      new ServingError('load_failed', `${model}: its process ended while loading (${reason})`, {
        attributes: { workerEnded: true },
      }),
    );
    this.#settleRun()?.reject(
      new ServingError(
        'worker_lost',
        `${model}: the process that ran this batch died (${reason}); it is replaced, send it again`,
      ),
    );
    this.#settleGone();
  }
}

function startChild(model: string, { loadOptions }: WorkerLoad): ChildProcess {
  const entry = fileURLToPath(siblingModule(import.meta.url, './child-entry'));
  const failed = (cause: unknown): ServingError =>
    new ServingError('load_failed', `model "${model}": no process can be started for it: ${String(cause)}`, { cause });
  let child: ChildProcess;
  try {
    // The name is for who lists processes.
    child = spawn(process.execPath, [entry, model], {
      env: childEnvironment(process.env, loadOptions),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw failed(error);
  }
  // Where file descriptors have run out there are no pipes, and an error event is to come.
  if (child.stdio?.[PULSE_FD] === undefined) {
    child.on('error', () => undefined);
    throw failed('too many open files (EMFILE)');
  }
  return child;
}
