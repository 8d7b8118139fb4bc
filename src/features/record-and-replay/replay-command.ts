import { ADMIN, ADMIN_TOKEN_FILE, hostPortErrors, sidecarCommand } from '../../cli/sidecar-command.ts';
import { integer, text } from '../../config/options/option-types.ts';

export const replayCommand = sidecarCommand({
  name: 'replay',
  usage: ['replay               sends captured or recorded requests again, and compares the answers'],
  help: `pillion replay: sends captured or recorded requests again, and compares the answers

  pillion replay --kept=failed                     requests that a sidecar with --capture_payloads=failed captured
  pillion replay --in=digits-1.tfrecord --rest=127.0.0.1:9501

The requests (Predict, Classify and Regress) go over REST, one after the other. Prints a line for each request that fails
or whose answer differs from the recorded one. Ends with 0 if there is no such request, else with 1. Inputs whose values
were not captured are sent as zeros and empty strings of the same shape.
`,
  options: {
    in: text({
      default: '',
      placeholder: 'FILE',
      help: 'A TFRecord file of PredictionLog: a request log or a recording. Empty = the requests that the sidecar at --admin captured.',
    }),
    admin: {
      ...ADMIN,
      help: 'The admin address of the sidecar that captured the requests. It listens on its own machine alone.',
    },
    admin_token_file: ADMIN_TOKEN_FILE,
    rest: text({
      default: '127.0.0.1:8501',
      placeholder: 'HOST:PORT',
      help: 'The REST address of the sidecar that gets the requests, as protobuf, with its --inference_path_prefix behind it, if it has one. It may be another sidecar.',
    }),
    api_key_file: text({
      default: '',
      placeholder: 'FILE',
      help: 'A file with the API key for --rest, if that sidecar has an --authorization_file. Empty = none.',
    }),
    model: text({
      default: '',
      placeholder: 'NAME',
      help: 'Sends captured requests of this model alone; sends all requests of a file to this model. Empty = all requests, each to the model that it was recorded for.',
    }),
    kept: text({
      default: '',
      oneOf: ['', 'slow', 'failed'],
      placeholder: 'slow|failed',
      help: 'Sends only the captured requests that were slow, for their model or in their minute, or that failed. Empty = all.',
    }),
    count: integer({ min: 1, max: 1_000_000, default: 1000, help: 'Ends after this many requests.' }),
  },
  check: ({ rest }) => hostPortErrors('rest', rest.replace(/\/[^/?#]+(?:\/[^/?#]+)*$/, '')),
  run: async (options) => (await import('./replay.ts')).replay(options),
});
