/** Makes the options of a load from its settings, and checks a model's parameters. */
import { ServingError } from '../core/errors.ts';
import type { LoadOptions, LoadSettings, ModelParameters } from './backend.ts';

/** The services that a host provides beside the settings. */
export type LoadServices = Pick<LoadOptions, 'log' | 'metrics' | 'signal'>;

const NO_PARAMETERS: ModelParameters = new Map();
const DEFAULT_MAX_MESSAGE_BYTES = 64 * 2 ** 20;

function nothing(): void {
  // Nobody listens, so nothing is done.
}

/** Services that lead nowhere, for loads by tests and tools. */
const NO_SERVICES: LoadServices = {
  log: { info: nothing, warn: nothing },
  metrics: { count: nothing, set: nothing },
  signal: new AbortController().signal,
};

/** The options for `Backend.load`. Services that are left out lead nowhere. */
export function loadOptionsOf(settings: LoadSettings, services: Partial<LoadServices> = {}): LoadOptions {
  const { parameters = NO_PARAMETERS, model = '', slot = 0 } = settings;
  const { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = settings;
  return { ...settings, parameters, model, slot, maxMessageBytes, ...NO_SERVICES, ...services };
}

/** Throws `load_failed` for a parameter that is not one of `known`. `path`: the artifact's, for the text. */
export function checkParameters(path: string, parameters: ModelParameters, known: readonly string[] = []): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    const wanted = known.length === 0 ? 'its runtime has none; take it out' : `known are ${known.join(', ')}`;
    throw new ServingError('load_failed', `"${path}": there is no parameter "${name.slice(0, 100)}"; ${wanted}`);
  }
}
