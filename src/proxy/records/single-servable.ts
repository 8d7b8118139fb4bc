/**
 * A directory of one servable that nobody else sees, found whatever name and version are asked for: a record may have
 * been made of another version, or under another name.
 */
import type { Servable, ServableHandle, VersionStatus } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';

export class SingleServable implements ServableDirectory {
  readonly isReady = true;
  readonly modelNames: readonly string[];
  readonly #servable: Servable;

  constructor(servable: Servable) {
    this.#servable = servable;
    this.modelNames = [servable.name];
  }

  onReadinessChange(): () => void {
    return () => undefined;
  }

  acquire(): ServableHandle {
    return this.#servable.borrow();
  }

  status(): readonly VersionStatus[] {
    return [{ version: this.#servable.version, state: 'LOADING', error: undefined }];
  }
}
