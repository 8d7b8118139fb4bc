import { DEADLINE, DEADLINE_TEXT, SERVER_OPTIONS } from '../../cli/server-address.ts';
import { flag, integer, patternText, text } from '../../config/options/option-types.ts';
import { OptionCommand } from '../../kernel/command.ts';
import { GRPC_PATH } from './grpc-path.ts';

export const benchCommand = new OptionCommand({
  name: 'bench',
  usage: ['bench URL [URL2]     measures the latency of one server, or of two side by side'],
  help: `pillion bench: latency under requests that come as they come

  pillion bench http://127.0.0.1:8501/v1/models/digits:predict --data=models/digits/request.json --rate=200
  pillion bench http://old:8501/v1/models/m:predict http://new:8501/v1/models/m:predict --data=request.json
  pillion bench http://127.0.0.1:8501/v1/models/m:predict grpc://127.0.0.1:8500/m --data=request.json

A URL is http:// or https:// of any server: POST with --data as it is, else GET. grpc://HOST:PORT/MODEL[/versions/N], or grpcs://
with TLS, asks for a Predict of TensorFlow Serving's gRPC API, with --data as \`pillion predict\` takes it. What is sent to
…/v2/models/MODEL/infer may have the form of the other two: it is turned into that of the Open Inference Protocol, once.

Requests are sent at their times whether or not those before were answered (an open loop).
A latency counts from the time at which the request was due, so a server that stalls does not stop the clock. Two URLs take
turns of --turn seconds, in the order A B B A, so both meet the same machine and never each other. What is sent in the warm-up
is not counted. Says when this client, and not the server, was the bound.

Ctrl-C ends it with the figures so far. Ends with 0, with 1 if no request was answered by one of the servers, with 64 for a wrong
command line, with 130 after Ctrl-C.
`,
  options: {
    data: text({
      default: '',
      placeholder: 'FILE',
      help: 'The body of each request, sent as it is over HTTP. Empty = requests are GET.',
    }),
    rate: integer({ min: 1, max: 100_000, default: 100, help: 'Requests a second, to each server in its turns.' }),
    seconds: integer({ min: 1, max: 86_400, default: 10, help: 'How long each server is measured.' }),
    warm_up: integer({ min: 0, max: 3600, default: 2, help: 'Seconds before, for each server, that are not counted.' }),
    turn: integer({ min: 1, max: 3600, default: 2, help: 'Seconds of a turn, with two servers.' }),
    arrivals: text({
      default: 'poisson',
      oneOf: ['poisson', 'constant'],
      placeholder: 'poisson|constant',
      help: 'Random gaps, as those of many independent callers; or equal ones.',
    }),
    in_flight: integer({
      min: 1,
      max: 100_000,
      default: 1000,
      help: 'The most requests at once; those beyond are not sent, and counted as such.',
    }),
    seed: integer({ min: 0, max: 2 ** 31 - 1, default: 1, help: 'The same number gives the same gaps.' }),
    signature: text({
      default: 'serving_default',
      placeholder: 'NAME',
      help: 'The signature that is asked over gRPC.',
    }),
    ca_file: SERVER_OPTIONS.ca_file,
    cert_file: SERVER_OPTIONS.cert_file,
    key_file: SERVER_OPTIONS.key_file,
    token_file: SERVER_OPTIONS.token_file,
    token_env: SERVER_OPTIONS.token_env,
    deadline: patternText(
      { default: '10s', placeholder: 'TIME', help: 'How long an answer may take: 500ms, 2s. The server is told.' },
      DEADLINE,
      DEADLINE_TEXT,
    ),
    json: flag({ default: false, help: 'Prints the figures in JSON.' }),
  },
  takesArguments: true,
  check: ({ data }, { arguments: urls }) => [
    ...(urls.length === 0 || urls.length > 2 ? ['which server? give one URL, or two'] : []),
    ...urls.flatMap((url) => urlErrors(url, data)),
  ],
  run: async (options, line) => (await import('./bench.ts')).bench({ ...options, urls: line.arguments }),
});

function urlErrors(url: string, data: string): readonly string[] {
  const { protocol, host, pathname } = URL.canParse(url) ? new URL(url) : { protocol: '', host: '', pathname: '' };
  if (/^https?:$/.test(protocol)) return [];
  if (!/^grpcs?:$/.test(protocol)) return [`${url} wants http://, https://, grpc:// or grpcs://`];
  if (host === '' || !GRPC_PATH.test(pathname))
    return [`${url} wants ${protocol}//HOST:PORT/MODEL, or …/MODEL/versions/N`];
  return data === '' ? [`${url} wants --data, the request that it is asked`] : [];
}
