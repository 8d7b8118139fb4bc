/**
 * Loads and unloads one model's versions, as ModelLifecycle decides. `onChange` is called when a load or an unload has
 * ended. A version answers requests from AVAILABLE until UNLOADING and is closed when the last borrowed handle is
 * released.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { LifecycleSettings } from '../lifecycle/manager-settings.ts';
import type { Servable, VersionState } from '../serving/servable.ts';
import { VersionRecord } from './version-record.ts';
import { VersionTable } from './version-table.ts';
import type { FoundVersion } from './version-watch.ts';

export interface VersionTransitionsOptions {
  readonly name: string;
  readonly settings: LifecycleSettings;
  /** A record has ended because its version cannot be loaded. `onChange` follows. */
  readonly onFailed: (record: VersionRecord, error: ServingError) => void;
  /** A load failed and will be retried. */
  readonly onRetry: (error: ServingError) => void;
  /** A load waits for a model that has failed; it goes on when that is there. */
  readonly onStuck: (reason: ServingError) => void;
  readonly onChange: () => void;
  /** See VersionTable. */
  readonly isExtra: (version: bigint) => boolean;
}

export class VersionTransitions {
  readonly table: VersionTable;
  readonly #options: VersionTransitionsOptions;
  /** Loads and unloads in progress. */
  readonly #pending = new Set<Promise<void>>();

  constructor(options: VersionTransitionsOptions) {
    this.#options = options;
    this.table = new VersionTable(options.isExtra);
  }

  beginLoad(found: FoundVersion, config: ModelConfig, generation: number): void {
    const { name, settings } = this.#options;
    const record = new VersionRecord(found, generation, settings.clock.nowMs());
    this.table.add(record);
    settings.events.onTransition(name, record, undefined, 0);
    this.#track(this.#load(record, config));
  }

  beginUnload(record: VersionRecord): void {
    record.loadAbort.abort();
    if (record.state === 'START') {
      this.#end(record);
      return;
    }
    const servable = record.state === 'AVAILABLE' ? record.servable : undefined;
    record.servable = undefined;
    this.#move(record, 'UNLOADING');
    this.table.refresh();
    // A load in progress ends the record itself.
    if (servable !== undefined) this.#track(this.#unload(record, servable));
  }

  /**
   * Serves `next` in the place of a servable of the same version, which is closed when its last request has ended.
   * False if that is not served any more.
   */
  replace(served: Servable, next: Servable): boolean {
    const record = this.table.active.find(({ state, servable }) => state === 'AVAILABLE' && servable === served);
    if (record === undefined) return false;
    record.servable = next;
    this.table.refresh();
    const { name, settings } = this.#options;
    const failed = (error: unknown): void => settings.events.onUnloadFailed(name, record.version, error);
    this.#track(served.unload().catch(failed));
    return true;
  }

  /** Resolves when no load and no unload is in progress. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #load(record: VersionRecord, model: ModelConfig): Promise<void> {
    const { name, settings, onChange } = this.#options;
    const { events, loader } = settings;
    const { version, loadAbort, found } = record;
    try {
      const servable = await loader.load({
        ...{ model, version, directory: found.directory, signal: loadAbort.signal },
        onStart: () => this.#move(record, 'LOADING'),
        onRetry: (retry) => {
          record.lastFailure = retry.error;
          events.onRetry(name, version, retry);
          this.#options.onRetry(retry.error);
        },
        onWait: (reason) => {
          record.lastFailure = reason;
          if (reason.attributes?.['memberFailed'] === true) this.#options.onStuck(reason);
        },
        onProgress: (elapsedMs) => events.onProgress(name, version, elapsedMs),
      });
      if (loadAbort.signal.aborted) await servable?.unload();
      else this.#serve(record, servable!);
    } catch (thrown) {
      if (!loadAbort.signal.aborted) this.#fail(record, toServingError(thrown));
      else events.onUnloadFailed(name, version, thrown);
    }
    // The load was aborted. A record that is available from here on is ended by beginUnload.
    if (record.state === 'UNLOADING') this.#end(record);
    onChange();
  }

  #serve(record: VersionRecord, servable: Servable): void {
    record.servable = servable;
    this.#move(record, 'AVAILABLE');
    this.table.refresh();
    servable.onServed?.();
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
    const tracked = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }
}
