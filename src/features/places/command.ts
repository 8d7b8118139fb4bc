import { type Command, UsageError } from '../../kernel/command.ts';

export const placesCommand: Command = {
  name: 'places',
  usage: ['places               prints a log with places in the source where its stacks have places in the bundle'],
  help: () => `pillion places: a log with places in the source

  pillion places <server.log
  kubectl logs ranker -c pillion | pillion places

A stack in the log names functions, and places in the bundle that runs (dist/bundle/serve/start-….cjs:12:345). This command
prints the log with those of src/ in their place (src/main.ts:12:34). It wants the version that wrote the log; a place that
this version does not have stays as it is. The server does not do it itself: reading its source maps takes 200 ms, in which
no request is answered, and 40 MiB.
`,
  async run(args) {
    if (args.length > 0)
      throw new UsageError(['pillion places takes a log on standard input, and nothing else'], 'places');
    return (await import('./places.ts')).printPlaces();
  },
};
