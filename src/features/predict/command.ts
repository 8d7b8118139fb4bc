import { SERVER_OPTIONS } from '../../cli/server-address.ts';
import { flag, patternText, text } from '../../config/options/option-types.ts';
import { OptionCommand } from '../../kernel/command.ts';
import { PICTURE_OPTIONS } from './picture/options.ts';

export const predictCommand = new OptionCommand({
  name: 'predict',
  usage: ['predict [MODEL] [DATA]  sends a request to a running server, and prints the answer as a table'],
  help: `pillion predict: one request to a running server, and its answer as a table

  pillion predict digits models/digits/request.json
  pillion predict churn customers.csv --protocol=grpc
  pillion predict churn '{"age": [33], "city": ["Oslo"]}'
  pillion predict mobilenet photo.jpg --pixels=-1..1 --resize=crop
  echo '[[5.1, 3.5, 1.4, 0.2]]' | pillion predict iris

DATA is a file, JSON or text; without it, or as "-", it is read from standard input. JSON is a body of the REST API
({"instances": …} or {"inputs": …}), a list of rows, or one row as an object. A file is read by its name: .json; .csv and
.tsv, whose first line names the columns; .npy of NumPy; .txt, a row a line; any other is one row of bytes. A JPEG or PNG is
sent as it is to a model that decodes it itself, whose input is a string; for an input of numbers it is decoded. MODEL may be left out where the server has one.

The server may be any that speaks the protocol: TensorFlow Serving's REST (rest) or gRPC (grpc), or the Open Inference
Protocol's REST (v2). Ends with 0, with 1 if the server refuses or nobody answers, with 64 for a wrong command line or data.
`,
  options: {
    protocol: text({
      default: 'rest',
      oneOf: ['rest', 'v2', 'grpc'],
      placeholder: 'rest|v2|grpc',
      help: 'How the server is asked.',
    }),
    ...SERVER_OPTIONS,
    version: patternText({ default: '', placeholder: 'N', help: 'Asks this version.' }, /^\d*$/, 'a number'),
    signature: text({
      default: 'serving_default',
      placeholder: 'NAME',
      help: 'The signature; the Open Inference Protocol has none.',
    }),
    ...PICTURE_OPTIONS,
    json: flag({ default: false, help: 'Prints the answer in JSON: over REST as it came.' }),
  },
  takesArguments: true,
  check: (_, line) =>
    line.arguments.length > 2 ? ['more than a model and its data were given; quote JSON that has blanks'] : [],
  run: async (options, line) => (await import('./predict.ts')).predict({ ...options, words: line.arguments }),
});
