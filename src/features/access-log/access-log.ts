/** The access log: one line for each request, of inference and of the application, when it has ended. */
import { pino } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { ForwardedRecord } from '../../ledger/forwarded-record.ts';
import { MAX_BUFFERED_BYTES, openLineFile } from '../../ledger/log/line-file.ts';
import type { RequestRecord } from '../../ledger/request-record.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import type { RecordListener } from '../../ledger/telemetry.ts';
import { forwardedLine, inferenceLine } from './access-line.ts';
import { type LineDestination, TurnLines } from './turn-lines.ts';

/** The value of `to` that names no file. */
export const STANDARD_OUTPUT = 'stdout';
const STANDARD_OUTPUT_FD = 1;

export interface AccessLogOptions {
  /** A file, or STANDARD_OUTPUT. */
  readonly to: string;
  readonly clock: Clock;
  /** Lines could not be written, or the file not be opened anew. */
  readonly onError: (error: Error) => void;
  /** So many lines were lost since the last call. */
  readonly onLost: (lines: number) => void;
}

export class AccessLog implements RecordListener {
  readonly #lines: TurnLines;
  readonly #wall: SteadyWall;
  readonly #reopen: () => void;

  /** Throws if the file cannot be opened. */
  constructor({ to, clock, onError, onLost }: AccessLogOptions) {
    const file = to === STANDARD_OUTPUT ? undefined : openLineFile(to, onError);
    const destination: LineDestination = file?.destination ?? standardOutput(onError);
    this.#reopen = file?.reopen ?? (() => undefined);
    this.#lines = new TurnLines({ destination, clock, onLost });
    this.#wall = new SteadyWall(clock);
  }

  /** Lines that were not written, since the start. */
  get lostLines(): number {
    return this.#lines.lost;
  }

  recordRequest(record: RequestRecord): void {
    this.#lines.add(inferenceLine(record, this.#wall.atZero()));
  }

  recordForwarded(record: ForwardedRecord): void {
    this.#lines.add(forwardedLine(record, this.#wall.atZero()));
  }

  /** Opens its file anew. */
  reopen(): void {
    this.#reopen();
  }

  /** Call it after the last request. Resolves when all lines are written, or after `patienceMs`. */
  close(patienceMs: number): Promise<void> {
    return this.#lines.close(patienceMs);
  }
}

function standardOutput(onError: (error: Error) => void): LineDestination {
  const destination = pino.destination({
    dest: STANDARD_OUTPUT_FD,
    sync: false,
    minLength: 0,
    maxLength: MAX_BUFFERED_BYTES,
  });
  destination.on('error', onError);
  return destination;
}
