/**
 * The log as text: what is served, how loads go on, and lines in words. Most lines at level info are for machines, and
 * left out; `isWhole` shows them all.
 *
 *   listening ─▶ where, and a line a version that loads, drawn anew ─▶ ready ─▶ lines one by one
 */
import { type Clock, type Instant, repeat, type TimerHandle } from '../../core/clock.ts';
import { Loads, seconds } from './loads.ts';
import { isTrouble, type LogLine, parseLine } from './log-line.ts';
import { wordsOf } from './log-words.ts';
import type { Line, Screen } from './screen.ts';
import type { Addresses } from './welcome.ts';

export interface TerminalLogOptions {
  readonly screen: Screen;
  readonly clock: Clock;
  readonly isWhole: boolean;
  /** The first lines; asked for when the ports are bound. */
  readonly welcome: (addresses: Addresses) => readonly Line[];
  /** Begins to look how large the files of a version are, and tells it if it is known. */
  readonly measure: (model: string, version: string, tell: (bytes: number) => void) => void;
}

/** Events at level info that people want to see. */
const SHOWN: ReadonlySet<string> = new Set([
  ...['models_reload', 'reread', 'tls_reload', 'authorization', 'operator', 'drain_asked', 'cores', 'recovered'],
  ...['ending', 'draining', 'drained'],
]);
/** How often times of loads are drawn anew. */
const REDRAW_MS = 100;
const PLACES: Readonly<Record<string, string>> = { thread: 'in a thread', process: 'in a process', inline: 'inline' };

export class TerminalLog {
  readonly #options: TerminalLogOptions;
  readonly #loads: Loads;
  readonly #startedAt: Instant;
  #redraws: TimerHandle | undefined;
  #isStarting = false;
  #isEnding = false;

  constructor(options: TerminalLogOptions) {
    this.#options = options;
    this.#loads = new Loads(options.clock);
    this.#startedAt = options.clock.nowMs();
  }

  /** Takes a line of the log. */
  readonly show = (text: string): void => {
    const line = parseLine(text);
    if (line.event === 'listening') this.#begin(line as unknown as Addresses);
    if (line.event === 'ending') {
      this.#isStarting = false;
      this.#isEnding = true;
    }
    const shown = [...this.#ownLines(line), ...(this.#isInWords(line) ? [wordsOf(line)] : [])];
    if (line.event === 'ready') this.#isStarting = false;
    this.#draw(shown);
  };

  /** A version that loads has come to another part of its load. */
  notePhase(model: string, version: string, phase: string): void {
    this.#loads.note(model, version, { phase });
    this.#draw([]);
  }

  #begin(addresses: Addresses): void {
    this.#isStarting = true;
    this.#options.screen.show(this.#options.welcome(addresses));
  }

  /** Lines in place of the words, or before them. */
  #ownLines(line: LogLine): readonly Line[] {
    const { event, model, version, state, host } = line;
    if (event === 'ready') return [this.#readyLine(line)];
    if (event === 'ending' && line['signal'] === 'SIGINT') return [[]];
    if (model === undefined || version === undefined) return [];
    if (typeof host === 'string') this.#loads.note(model, version, { place: PLACES[host] });
    if (state === 'LOADING') this.#beginLoad(model, version);
    if (state === 'AVAILABLE') return [this.#loads.end(model, version, true)];
    if (state === 'END' && line.err !== undefined) return [this.#loads.end(model, version, false)];
    if (state === 'END' && !this.#isEnding) return [[{ text: `  ${model}  version ${version}  unloaded` }]];
    return [];
  }

  #beginLoad(model: string, version: string): void {
    this.#loads.begin(model, version);
    this.#options.measure(model, version, (bytes) => {
      this.#loads.note(model, version, { bytes });
      this.#draw([]);
    });
  }

  #readyLine({ models }: LogLine): Line {
    const count = Array.isArray(models) ? models.length : 0;
    const took = seconds(this.#options.clock.nowMs() - this.#startedAt);
    return [
      { text: 'ready', style: 'green' },
      { text: ` with ${count} model${count === 1 ? '' : 's'} after ${took}. Ctrl-C ends it.` },
    ];
  }

  #isInWords(line: LogLine): boolean {
    if (isTrouble(line) || this.#options.isWhole) return true;
    const { level, event = '', outcome, msg } = line;
    // An operator has asked the running server for these.
    if (level === 'debug' || level === 'trace') return true;
    return SHOWN.has(event) || typeof outcome === 'string' || msg.startsWith('model waits: ');
  }

  /** Loads are drawn while the server starts: later other output may stand below them. */
  #draw(staying: readonly Line[]): void {
    const isMoving = this.#isStarting && !this.#loads.isEmpty;
    this.#options.screen.show(staying, isMoving ? this.#loads.lines() : []);
    if (isMoving) this.#redraws ??= repeat(this.#options.clock, REDRAW_MS, () => this.#draw([]));
    else {
      this.#redraws?.cancel();
      this.#redraws = undefined;
    }
  }
}
