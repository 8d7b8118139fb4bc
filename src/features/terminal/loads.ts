/** Versions that are loading: what each does, for how long, and how large its files are. */
import type { Clock, Instant } from '../../core/clock.ts';
import { showBytes } from '../../models/memory/model-memory.ts';
import type { Line } from './screen.ts';

interface Load {
  readonly model: string;
  readonly version: string;
  readonly startedAt: Instant;
  phase: string;
  bytes: number | undefined;
  /** "in a thread"; undefined = not known yet. */
  place: string | undefined;
}

export class Loads {
  readonly #clock: Clock;
  readonly #loads = new Map<string, Load>();
  /** The longest name so far, so that columns stay where they are. */
  #width = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#loads.size === 0;
  }

  begin(model: string, version: string): void {
    this.#width = Math.max(this.#width, model.length);
    const started = { model, version, startedAt: this.#clock.nowMs(), phase: 'opening' };
    this.#loads.set(keyOf(model, version), { ...started, bytes: undefined, place: undefined });
  }

  /** Tells something of a version; nothing if it does not load. */
  note(model: string, version: string, facts: Partial<Pick<Load, 'phase' | 'bytes' | 'place'>>): void {
    const load = this.#loads.get(keyOf(model, version));
    if (load !== undefined) Object.assign(load, facts);
  }

  /** The version loads no longer. The line that says how it ended, without the reason. */
  end(model: string, version: string, isReady: boolean): Line {
    const load = this.#loads.get(keyOf(model, version));
    this.#loads.delete(keyOf(model, version));
    const facts = [this.#tookOf(load), isReady ? (load?.place ?? '') : '', sizeOf(load)];
    return [
      ...this.#name(model, version),
      isReady ? { text: 'ready    ', style: 'green' } : { text: 'failed   ', style: 'red' },
      { text: facts.filter((fact) => fact !== '').join(', '), style: 'dim' },
    ];
  }

  /** A line for each, the oldest first. */
  lines(): readonly Line[] {
    return [...this.#loads.values()].map((load) => [
      ...this.#name(load.model, load.version),
      { text: 'loading  ', style: 'yellow' },
      { text: [load.phase, this.#tookOf(load), sizeOf(load)].filter((fact) => fact !== '').join(', '), style: 'dim' },
    ]);
  }

  #name(model: string, version: string): Line {
    this.#width = Math.max(this.#width, model.length);
    return [{ text: `  ${model.padEnd(this.#width)}  ` }, { text: `version ${version}  `, style: 'dim' }];
  }

  #tookOf(load: Load | undefined): string {
    return load === undefined ? '' : seconds(this.#clock.nowMs() - load.startedAt);
  }
}

/** "0.3 s", "75 s". */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

function sizeOf(load: Load | undefined): string {
  return load?.bytes === undefined ? '' : showBytes(load.bytes);
}

function keyOf(model: string, version: string): string {
  return `${version} ${model}`;
}
