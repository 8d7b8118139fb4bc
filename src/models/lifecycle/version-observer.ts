import type { Servable } from '../serving/servable.ts';

/** A feature's part when versions go. */
export interface VersionObserver {
  /** Another servable of the same version has taken the place of one. */
  onReplaced(served: Servable, next: Servable): void;
  /** The version is unloaded at once: what waits for it may not go on. */
  onUnloadedAtOnce(servable: Servable): void;
  /** The model is not served any more. */
  onRetired(model: string): void;
}
