/**
 * tritonserver's command line, for `pillion tritonserver`: its spellings, and its defaults where they are not ours. KServe
 * and others start a server by it.
 */
import { lookUp, type OptionLayer } from '../../config/read-options.ts';
import type { ServeAs } from '../../kernel/command.ts';

/** Triton's defaults by our names of the flags. */
const DEFAULTS: Readonly<Record<string, string>> = {
  port: '8001',
  rest_api_port: '8000',
  metrics_port: '8002',
  strict_readiness: 'true',
  exit_on_load_failure: 'true',
  ignore_stray_sequences: 'true',
  server_name: 'triton',
  max_message_bytes: String(2 ** 31 - 1),
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

/** serve, by the command line and with the defaults of tritonserver. */
export const TRITONSERVER: ServeAs = {
  name: 'tritonserver',
  usage: ['tritonserver --model-repository=DIR    the same, with the defaults of tritonserver'],
  help: () => `pillion tritonserver: serves a Triton model repository by tritonserver's command line

  pillion tritonserver --model-repository=/models
  pillion tritonserver --model-store=/mnt/models --grpc-port=9000 --http-port=8080 --allow-grpc=true --allow-http=true

It is pillion serve, and takes all its options. Where neither they nor the environment nor a file say otherwise, the ports
are tritonserver's: --http-port=8000, --grpc-port=8001, --metrics-port=8002 (none beside --authorization_file), and so are
--strict-readiness=true and --exit-on-error=true. A message may have 2 GiB, within the memory for requests, and sequence
parameters for models without state are ignored. The server's metadata have the name triton (--id). Flags of tritonserver
that mean nothing here give a warning; those whose absence would change what is served are refused.
src/features/triton-repository/README.md has all of them.
`,
  args: tritonArguments,
  defaults: tritonDefaults,
};
