/**
 * A file in Chrome's trace event format, as Perfetto and chrome://tracing open it
 * (https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU).
 *
 *   process = a part of the server ("requests")      pid
 *     track = things that follow each other          tid
 *       event = a name, a start and a length         ph X, in µs; one inside another is its child
 *
 * Instants are milliseconds on one clock; the file counts from its origin. Starts and ends are rounded to a nanosecond,
 * so that rounding never moves a child out of its parent.
 */

export interface TraceEvent {
  readonly ph: 'X' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A track of one process. */
export interface Track {
  readonly pid: number;
  readonly tid: number;
}

/** An event before it is added to a file. */
export interface Span {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

const MICROS_PER_MS = 1000;
const NANOS_PER_MICRO = 1000;
/** Events in one piece of the text. */
const CHUNK_EVENTS = 500;

export class TraceFile {
  readonly #originMs: number;
  readonly #metadata: TraceEvent[] = [];
  readonly #spans: TraceEvent[] = [];
  #processes = 0;
  readonly #tracks = new Map<number, number>();

  /** Nothing starts before `originMs`. */
  constructor(originMs: number) {
    this.#originMs = originMs;
  }

  /** Returns its pid. Processes are shown in the order in which they are made. */
  addProcess(name: string): number {
    this.#processes += 1;
    const pid = this.#processes;
    this.#describe({ pid, tid: 0 }, 'process_name', { name });
    this.#describe({ pid, tid: 0 }, 'process_sort_index', { sort_index: pid });
    return pid;
  }

  addTrack(pid: number, name: string): Track {
    const tid = (this.#tracks.get(pid) ?? 0) + 1;
    this.#tracks.set(pid, tid);
    const track = { pid, tid };
    this.#describe(track, 'thread_name', { name });
    this.#describe(track, 'thread_sort_index', { sort_index: tid });
    return track;
  }

  /** Spans of one track follow each other or lie inside one another. */
  addSpan({ pid, tid }: Track, cat: string, { name, startMs, endMs, args }: Span): void {
    const ts = this.#micros(startMs);
    const dur = roundNanos(Math.max(0, this.#micros(endMs) - ts));
    this.#spans.push({ ph: 'X', name, cat, pid, tid, ts, dur, ...(args !== undefined && { args }) });
  }

  /** The file's text in pieces, with parents before their children. */
  *text(otherData: object): Generator<string> {
    const events = [...this.#metadata, ...this.#spans.sort(inOrder)];
    yield '{"displayTimeUnit":"ms","traceEvents":[\n';
    for (let i = 0; i < events.length; i += CHUNK_EVENTS) {
      const lines = events.slice(i, i + CHUNK_EVENTS).map((event) => JSON.stringify(event));
      yield `${i === 0 ? '' : ',\n'}${lines.join(',\n')}`;
    }
    yield `\n],\n"otherData":${JSON.stringify(otherData)}}\n`;
  }

  #describe({ pid, tid }: Track, name: string, args: Readonly<Record<string, unknown>>): void {
    this.#metadata.push({ ph: 'M', name, pid, tid, ts: 0, args });
  }

  #micros(instantMs: number): number {
    return roundNanos((instantMs - this.#originMs) * MICROS_PER_MS);
  }
}

function roundNanos(micros: number): number {
  return Math.round(micros * NANOS_PER_MICRO) / NANOS_PER_MICRO;
}

/** Orders by track, then by start, with the longer span first. */
function inOrder(a: TraceEvent, b: TraceEvent): number {
  return a.pid - b.pid || a.tid - b.tid || a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0);
}

export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Puts intervals onto the fewest tracks on which they do not overlap. Each track has its intervals by their start.
 * O(n log n + n · tracks).
 *
 *   track 1   ▇▇▇▇▇   ▇▇▇▇▇▇
 *   track 2      ▇▇▇▇▇▇▇  ▇▇▇
 */
export function placeOnTracks<T extends Interval>(intervals: readonly T[]): readonly (readonly T[])[] {
  const tracks: T[][] = [];
  for (const interval of [...intervals].sort((a, b) => a.startMs - b.startMs)) {
    const free = tracks.find((track) => track[track.length - 1]!.endMs <= interval.startMs);
    if (free === undefined) tracks.push([interval]);
    else free.push(interval);
  }
  return tracks;
}
