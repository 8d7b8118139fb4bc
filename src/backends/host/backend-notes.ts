/**
 * A backend's notes to the server beside its answers: lines for the log, and values of its own metrics. Hosts carry
 * them from the session to the server, wherever the session is.
 *
 * Lines leave at once. Values are collected, and leave with `flush`, which hosts call after the load and after each
 * run: a run that counts ten things sends one message.
 */
import type { BackendLog, BackendMetrics } from '../backend.ts';

/** It survives a structured clone. */
export type BackendNote =
  | { readonly kind: 'log'; readonly level: keyof BackendLog; readonly text: string }
  /** Adds to a counter. */
  | { readonly kind: 'count'; readonly name: string; readonly amount: number }
  /** Sets a gauge. */
  | { readonly kind: 'set'; readonly name: string; readonly value: number };

const MAX_TEXT = 4096;
const MAX_NAMES = 32;
const NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** One session's notes. */
export class BackendNotes {
  /** The log and the metrics in the options of the load. */
  readonly services: { readonly log: BackendLog; readonly metrics: BackendMetrics };
  readonly #send: (notes: readonly BackendNote[]) => void;
  readonly #names = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #values = new Map<string, number>();

  /** `send` must not throw. */
  constructor(send: (notes: readonly BackendNote[]) => void) {
    this.#send = send;
    const write = (level: keyof BackendLog, text: string): void =>
      send([{ kind: 'log', level, text: String(text).slice(0, MAX_TEXT) }]);
    this.services = {
      log: { info: (text) => write('info', text), warn: (text) => write('warn', text) },
      metrics: {
        count: (name, amount = 1) => this.#count(name, amount),
        set: (name, value) => {
          this.#check(name, value);
          this.#values.set(name, value);
        },
      },
    };
  }

  /** Sends the values that are not sent yet. */
  flush(): void {
    if (this.#counts.size === 0 && this.#values.size === 0) return;
    const notes: BackendNote[] = [];
    for (const [name, amount] of this.#counts) notes.push({ kind: 'count', name, amount });
    for (const [name, value] of this.#values) notes.push({ kind: 'set', name, value });
    this.#counts.clear();
    this.#values.clear();
    this.#send(notes);
  }

  #count(name: string, amount: number): void {
    this.#check(name, amount);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + amount);
  }

  #check(name: string, value: number): void {
    if (!Number.isFinite(value)) throw new Error(`metric "${name}" got ${value}, which is no finite number`);
    if (this.#names.has(name)) return;
    if (!NAME.test(name)) throw new Error(`"${name}" is no name of a metric; it must match ${NAME.source}`);
    if (this.#names.size === MAX_NAMES) {
      throw new Error(`a session has at most ${MAX_NAMES} metrics; "${name}" is one more`);
    }
    this.#names.add(name);
  }
}
