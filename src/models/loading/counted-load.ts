/** A loader whose attempts are told, by how they ended and what they took. */
import type { Clock } from '../../core/clock.ts';
import type { LoadServable } from './version-loader.ts';

export type OnAttempt = (versionDirectory: string, tookMs: number, status: 'success' | 'fail') => void;

/** `load`; `onAttempt` must not throw. */
export function countedLoad(load: LoadServable, clock: Clock, onAttempt: OnAttempt): LoadServable {
  return async (model, version, directory) => {
    const startedAt = clock.nowMs();
    try {
      const servable = await load(model, version, directory);
      onAttempt(directory, clock.nowMs() - startedAt, 'success');
      return servable;
    } catch (error) {
      onAttempt(directory, clock.nowMs() - startedAt, 'fail');
      throw error;
    }
  };
}
