import process from 'node:process';
import { type Command, UsageError } from '../../kernel/command.ts';
import type { FeatureList } from '../../kernel/feature.ts';

/** serve, by the command line and with the defaults of tritonserver. */
export function tritonserverCommand(features: FeatureList): Command {
  return {
    name: 'tritonserver',
    usage: ['tritonserver --model-repository=DIR    the same, with the defaults of tritonserver'],
    help: () => `pillion tritonserver: serves a Triton model repository by tritonserver's command line

  pillion tritonserver --model-repository=/models
  pillion tritonserver --model-store=/mnt/models --grpc-port=9000 --http-port=8080 --allow-grpc=true --allow-http=true

It is pillion serve, and takes all its options. Where neither they nor the environment nor a file say otherwise, the ports
are tritonserver's: --http-port=8000, --grpc-port=8001, --metrics-port=8002 (none beside --authorization_file), and so are
--strict-readiness=true and --exit-on-error=true. Flags of tritonserver that mean nothing here give a warning; those whose
absence would change what is served are refused. docs/how-to/triton-repository.md has all of them.
`,
    async run(flags) {
      const { readServeConfig } = await import('../../config/serve-config.ts');
      const { tritonArguments, tritonDefaults: defaults } = await import('../../config/triton/tritonserver.ts');
      const args = tritonArguments(flags);
      const { config, errors } = readServeConfig({ args, environment: process.env, features, defaults });
      if (errors !== undefined) throw new UsageError(errors, 'tritonserver');
      return (await import('../serve.ts')).serve(config, features);
    },
  };
}
