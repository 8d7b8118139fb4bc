import process from 'node:process';
import { serveOptions } from '../../config/options/serve-options.ts';
import type { OptionTable } from '../../config/read-options.ts';
import { type Command, describeOptions, print, type ServeAs, UsageError } from '../../kernel/command.ts';
import type { FeatureList } from '../../kernel/feature.ts';
import { VERSION } from '../../version.ts';

const HELP = `pillion serve: serves models over gRPC and REST until SIGTERM

  pillion serve --model_name=digits --model_base_path=/models/digits
  pillion serve --model=digits=/models/digits --model=half_plus_two=/models/half_plus_two
  pillion serve --model-repository=/repository

Each option may also be set in the environment (--rest_api_port as PILLION_REST_API_PORT) and in the file that --config
names. The command line overrides the environment, which overrides the file. Flags of tensorflow_model_server and
tritonserver that mean nothing here are accepted, and the log says so. OpenTelemetry's standard variables, such as OTEL_EXPORTER_OTLP_ENDPOINT,
say where traces go.

SIGTERM, SIGINT and the end of its terminal drain the server and end it with status 0; a second signal kills it at once.
SIGHUP reads the file that lists the models (--model_config_file or --config), and the files of TLS, --authorization_file
and --admin_token_file, now, without waiting for the next poll; the files of --audit_log_file and --access_log are opened anew.
`;

export function serveCommand(features: FeatureList): Command {
  return {
    name: 'serve',
    usage: [
      'serve --model_base_path=DIR [--model_name=NAME] [options]',
      'serve --config=FILE [options]',
      'serve --model-repository=DIR [options]',
      'serve --help         every option of serve',
    ],
    options: () => serveOptions(features),
    help: () => `${HELP}\n${describeOptions(serveOptions(features))}\n`,
    async run(args) {
      if (!args.includes('--version') && !args.includes('-v')) return await serveWith(features, 'serve', args);
      print(`pillion ${VERSION}\n`);
      return 0;
    },
  };
}

/** The other names of serve that features bring. */
export function otherServeCommands(features: FeatureList): readonly Command[] {
  return features.features.flatMap(({ serveAs }) => {
    if (serveAs === undefined) return [];
    const { name, usage, help, args: ours, defaults } = serveAs;
    const options = (): OptionTable => serveOptions(features);
    const run = (args: readonly string[]) => serveWith(features, name, ours(args), defaults);
    return [{ name, usage, options, help, run } satisfies Command];
  });
}

async function serveWith(
  features: FeatureList,
  command: string,
  args: readonly string[],
  defaults?: ServeAs['defaults'],
): Promise<undefined> {
  const { readServeConfig } = await import('../../config/serve-config.ts');
  await features.load();
  const { config, errors } = readServeConfig({ args, environment: process.env, features, defaults });
  if (errors !== undefined) throw new UsageError(errors, command);
  return (await import('../serve.ts')).serve(config, features);
}
