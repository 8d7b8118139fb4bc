/** `pillion predict`: data → a request by one of three protocols → the answer as a table. */
import process from 'node:process';
import { EXIT_USAGE } from '../../cli/exit-usage.ts';
import { type ServerOptions, serverAddress } from '../../cli/server-address.ts';
import { visible } from '../../core/terminal/visible-text.ts';
import { print } from '../../kernel/command.ts';
import { answerTable } from './answer-table.ts';
import { DataError } from './data-error.ts';
import type { PictureOptions } from './picture/options.ts';
import type { Protocol, Target } from './protocol.ts';
import { modelAndData, readData } from './read-data.ts';
import { requestBody } from './request-body.ts';

/** The options of command.ts. */
interface PredictOptions extends ServerOptions, PictureOptions, Omit<Target, 'model'> {
  readonly protocol: string;
  readonly json: boolean;
  /** The model and its data, as far as they were given. */
  readonly words: readonly string[];
}

const GRPC_PORT = 8500;

/** Resolves with the exit status once all is printed. */
export async function predict(options: PredictOptions): Promise<number> {
  const { model, data } = modelAndData(options.words);
  try {
    const given = await readData(data);
    const protocol = await protocolOf(options, { ...options, model });
    try {
      const body = await requestBody(given, options.signature, () => protocol.inputs(), options);
      const answer = await protocol.predict(body);
      print(options.json ? answer.json : answerTable(answer));
      return 0;
    } finally {
      protocol.close();
    }
  } catch (error) {
    process.stderr.write(`pillion: ${visible((error as Error).message)}\n`);
    return error instanceof DataError ? EXIT_USAGE : 1;
  }
}

async function protocolOf(options: PredictOptions, target: Target): Promise<Protocol> {
  if (options.protocol !== 'rest' && target.model === '')
    throw new DataError(`which model? name it: pillion predict MODEL DATA`);
  switch (options.protocol) {
    case 'grpc':
      return (await import('./grpc-protocol.ts')).grpcProtocol(serverAddress(options, GRPC_PORT), target);
    case 'v2':
      return (await import('./v2-protocol.ts')).v2Protocol(serverAddress(options), target);
    default:
      return (await import('./rest-protocol.ts')).restProtocol(serverAddress(options), target);
  }
}
