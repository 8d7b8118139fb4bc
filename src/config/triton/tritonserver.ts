/**
 * tritonserver's command line, for `pillion tritonserver`: its spellings, and its defaults where they are not ours. KServe
 * and others start a server by it.
 */
import { lookUp, type OptionLayer } from '../read-options.ts';

/** Triton's defaults by our names of the flags. */
const DEFAULTS: Readonly<Record<string, string>> = {
  port: '8001',
  rest_api_port: '8000',
  metrics_port: '8002',
  strict_readiness: 'true',
  exit_on_load_failure: 'true',
};

/** Flags whose values are words, which are read in any case there. */
const WORDS = /^--?(?:allow|strict|exit[-_]on|model[-_]control)[a-z_-]*=/;

/** The same for `pillion serve`. */
export function tritonArguments(args: readonly string[]): readonly string[] {
  return args.map((arg) => (WORDS.test(arg) ? arg.toLowerCase() : arg));
}

/** The last layer, below the environment and files. `above` are those: beside an authorization file no port has metrics. */
export function tritonDefaults(above: readonly OptionLayer[]): OptionLayer {
  const asksCallers = (lookUp(above, 'authorization_file')?.texts.at(-1) ?? '') !== '';
  return (name) => {
    const text = Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name] : undefined;
    if (text === undefined || (name === 'metrics_port' && asksCallers)) return undefined;
    return { texts: [text], origin: { kind: 'default', place: 'default of tritonserver' } };
  };
}
