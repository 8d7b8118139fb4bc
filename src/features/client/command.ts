import { SERVER_OPTIONS } from '../../cli/server-address.ts';
import { patternText, text } from '../../config/options/option-types.ts';
import { OptionCommand } from '../../kernel/command.ts';

export const clientCommand = new OptionCommand({
  name: 'client',
  usage: ['client MODEL --lang=ts|python|go  writes a typed client of a model that a running server has'],
  help: `pillion client: a typed client of one model

  pillion client churn --lang=ts >churn-client.ts
  pillion client churn --lang=python --out=churn_client.py
  pillion client churn --lang=go --out=churnclient/client.go

One file without dependencies, of the signature that the server tells now: types of inputs and outputs, a deadline for each
call, which the server is told, retries after the time that the server names, TCP or a Unix socket. It asks over REST; for gRPC use
the client of TensorFlow Serving or of Triton. Write it again when the signature changes. An existing file is not overwritten.
`,
  options: {
    lang: text({ default: 'ts', oneOf: ['ts', 'python', 'go'], placeholder: 'ts|python|go', help: 'Its language.' }),
    out: text({ default: '', placeholder: 'FILE', help: 'Where it goes. Empty = standard output.' }),
    ...SERVER_OPTIONS,
    version: patternText(
      { default: '', placeholder: 'N', help: 'The client asks this version alone. Empty = the server’s choice.' },
      /^\d*$/,
      'a number',
    ),
    signature: text({ default: 'serving_default', placeholder: 'NAME', help: 'The signature.' }),
  },
  takesArguments: true,
  check: (_, line) => (line.arguments.length === 1 ? [] : ['which model? name one: pillion client MODEL']),
  run: async (options, line) =>
    (await import('./write-client.ts')).writeClient({ ...options, model: line.arguments[0]! }),
});
