/**
 * `import { start } from 'pillion'`: the server in the application's own process.
 *
 *   const pillion = await start({ model: 'digits=/models/digits', port: 0 });
 *   const answer = await pillion.predict({ model: 'digits', inputs: { image: numericTensor('float32', [1, 64], pixels) } });
 *   await pillion.drain();
 *
 * It installs no signal handlers and does not tune the collector: both are the application's.
 */
import process from 'node:process';
import type { ServeOptions } from '../config/options/serve-options.ts';
import type { OptionLayer } from '../config/read-options.ts';
import { readServeConfig } from '../config/serve-config.ts';
import { createApp as createServer } from '../kernel/assembly/app.ts';
import type { Addresses, Pillion } from '../kernel/assembly/in-process.ts';
import { FEATURES, type FeatureOption } from '../pillion.ts';

export type { DType, NumericDType, TypedArray } from '../core/dtype.ts';
export { type ErrorKind, ServingError } from '../core/errors.ts';
export type { PriorityName } from '../core/priority.ts';
export type { Shape } from '../core/shape.ts';
export {
  elements,
  type NumericTensor,
  numericTensor,
  type StringTensor,
  stringTensor,
  type Tensor,
  type TensorMap,
} from '../core/tensor.ts';
export type { Addresses, LocalPredict, Pillion } from '../kernel/assembly/in-process.ts';
export { VERSION } from '../version.ts';

/** The options of `pillion serve` by their names, without `--`; of an array each element is given once. */
export type ServeFlags = {
  readonly [Name in keyof ServeOptions | FeatureOption]?: string | number | boolean | readonly string[] | undefined;
};

/** Variables of the environment: `PILLION_…` for options, `OTEL_…` for OpenTelemetry. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A running server, and where it listens. */
export interface StartedPillion extends Pillion {
  readonly addresses: Addresses;
}

/**
 * Reads the options as `pillion serve` does, from `flags`, then the environment, then the files that they name; binds
 * nothing yet. Throws an Error with a line for each mistake.
 */
export function createApp(flags: ServeFlags = {}, environment: Environment = process.env): Pillion {
  const args = argumentsOf(flags);
  const { config, errors } = readServeConfig({ args, environment, features: FEATURES, defaults });
  if (config === undefined) throw new Error(errors.join('\n'));
  return createServer({ config, environment, features: FEATURES });
}

/** The terminal is the application's. */
const defaults = (): OptionLayer => (name) =>
  name === 'log_style' ? { texts: ['json'], origin: { kind: 'default', place: 'default' } } : undefined;

/** `createApp`, started: resolves when the server is ready. */
export async function start(flags: ServeFlags = {}, environment: Environment = process.env): Promise<StartedPillion> {
  const app = createApp(flags, environment);
  const addresses = await app.start();
  return {
    addresses,
    start: () => Promise.resolve(addresses),
    predict: (request) => app.predict(request),
    reread: () => app.reread(),
    drain: () => app.drain(),
  };
}

function argumentsOf(flags: ServeFlags): readonly string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const texts = Array.isArray(value) ? (value as readonly string[]) : [value];
    return texts.map((text) => `--${name}=${text}`);
  });
}
