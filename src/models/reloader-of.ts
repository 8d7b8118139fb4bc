/** The manager as what reloads. */
import { ServingError } from '../core/errors.ts';
import type { ModelReloader } from './servable-directory.ts';

/** A manager that has no `reload` of its own refuses every list (`unsupported`). */
export function reloaderOf(manager: object): ModelReloader {
  if (isReloader(manager)) return manager;
  return {
    reload: async () => {
      throw new ServingError('unsupported', 'this server cannot change its models while it runs; start it again');
    },
  };
}

function isReloader(manager: object): manager is ModelReloader {
  return typeof (manager as Partial<ModelReloader>).reload === 'function';
}
