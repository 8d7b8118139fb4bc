/**
 * Carries out what was decided for one model's versions: begins lives and ends them. What takes time goes on beside; when
 * it has an end, `onChange` is called. A version answers requests from AVAILABLE until UNLOADING, and is closed when the
 * last request that has borrowed it is through.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { LifecycleSettings } from '../lifecycle/lifecycle-settings.ts';
import type { Servable, VersionState } from '../serving/servable.ts';
import { VersionRecord } from './version-record.ts';
import { VersionTable } from './version-table.ts';
import type { FoundVersion } from './version-watch.ts';

export interface VersionTransitionsOptions {
  readonly name: string;
  readonly settings: LifecycleSettings;
  /** The record has ended because its version cannot be loaded. `onChange` follows. */
  readonly onFailed: (record: VersionRecord, error: ServingError) => void;
  /** It did not load, and will be tried again. */
  readonly onRetry: (error: ServingError) => void;
  readonly onChange: () => void;
  /** See VersionTable. */
  readonly isBeside: (version: bigint) => boolean;
}

export class VersionTransitions {
  readonly table: VersionTable;
  readonly #options: VersionTransitionsOptions;
  /** Loads and unloads. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: VersionTransitionsOptions) {
    this.#options = options;
    this.table = new VersionTable(options.isBeside);
  }

  bringUp(found: FoundVersion, config: ModelConfig, generation: number): void {
    const { name, settings } = this.#options;
    const record = new VersionRecord(found, generation, settings.clock.nowMs());
    this.table.add(record);
    settings.events.onTransition(name, record, undefined, 0);
    this.#track(this.#load(record, config));
  }

  takeDown(record: VersionRecord): void {
    record.abandon.abort();
    if (record.state === 'START') {
      this.#end(record);
      return;
    }
    const servable = record.state === 'AVAILABLE' ? record.servable : undefined;
    record.servable = undefined;
    this.#move(record, 'UNLOADING');
    this.table.refresh();
    // A load under way ends the record itself.
    if (servable !== undefined) this.#track(this.#unload(record, servable));
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #load(record: VersionRecord, model: ModelConfig): Promise<void> {
    const { name, settings, onChange } = this.#options;
    const { events, loader } = settings;
    const { version, abandon, found } = record;
    try {
      const servable = await loader.load({
        ...{ model, version, directory: found.directory, signal: abandon.signal },
        onStart: () => this.#move(record, 'LOADING'),
        onRetry: (retry) => {
          record.lastFailure = retry.error;
          events.onRetry(name, version, retry);
          this.#options.onRetry(retry.error);
        },
        onProgress: (elapsedMs) => events.onProgress(name, version, elapsedMs),
      });
      if (abandon.signal.aborted) await servable?.unload();
      else this.#serve(record, servable!);
    } catch (thrown) {
      if (!abandon.signal.aborted) this.#fail(record, toServingError(thrown));
      else events.onUnloadFailed(name, version, thrown);
    }
    // Nothing has happened since it was served: what is taken down from now on, takeDown ends.
    if (record.state === 'UNLOADING') this.#end(record);
    onChange();
  }

  #serve(record: VersionRecord, servable: Servable): void {
    record.servable = servable;
    this.#move(record, 'AVAILABLE');
    this.table.refresh();
  }

  #fail(record: VersionRecord, error: ServingError): void {
    record.error = error;
    this.#end(record);
    this.#options.onFailed(record, error);
  }

  async #unload(record: VersionRecord, servable: Servable): Promise<void> {
    const { name, settings, onChange } = this.#options;
    try {
      await settings.unloads.add(() => servable.unload());
    } catch (error) {
      settings.events.onUnloadFailed(name, record.version, error);
    }
    this.#end(record);
    onChange();
  }

  #end(record: VersionRecord): void {
    const { name, settings } = this.#options;
    this.#move(record, 'END');
    if (this.table.end(record)) settings.events.onForgotten(name, record.version);
  }

  #move(record: VersionRecord, state: VersionState): void {
    const { name, settings } = this.#options;
    const from = record.state;
    const lastedMs = record.moveTo(state, settings.clock.nowMs());
    settings.events.onTransition(name, record, from, lastedMs);
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}
