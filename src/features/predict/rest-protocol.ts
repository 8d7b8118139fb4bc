/** TensorFlow Serving's REST API. */
import { askServer, readAnswer } from '../../cli/ask-server.ts';
import { modelPath, servedSignature } from '../../cli/served-inputs.ts';
import type { ServerAddress } from '../../cli/server-address.ts';
import { type Answer, answerOf, type Protocol, parseAnswer, type Target } from './protocol.ts';

export async function restProtocol(server: ServerAddress, asked: Target): Promise<Protocol> {
  const target = asked.model === '' ? { ...asked, model: await onlyModel(server) } : asked;
  const path = `${modelPath(target.model, target.version)}:predict`;
  return {
    inputs: async () => (await servedSignature(server, target)).inputs,
    predict: async (body) => readAnswer(server, await askServer(server, { path, body }), answerIn),
    close: () => undefined,
  };
}

async function onlyModel(server: ServerAddress): Promise<string> {
  const names = readAnswer(server, await askServer(server, { path: '/v1/models' }), (text) => {
    const { models } = JSON.parse(text) as { readonly models: readonly { readonly name: string }[] };
    return models.map(({ name }) => name);
  });
  if (names.length === 1) return names[0]!;
  throw new Error(names.length === 0 ? 'the server has no model' : `which model? the server has ${names.join(', ')}`);
}

function answerIn(json: string): Answer {
  const body = parseAnswer(json) as { readonly predictions?: unknown; readonly outputs?: unknown };
  if (Array.isArray(body.predictions)) return answerOf(columnsOf(body.predictions), json);
  const { outputs } = body;
  if (outputs === undefined) throw new TypeError('it has neither predictions nor outputs');
  const isNamed = typeof outputs === 'object' && outputs !== null && !Array.isArray(outputs);
  return answerOf(new Map(isNamed ? Object.entries(outputs) : [['output', outputs]]), json);
}

/** Rows of several outputs are objects; those of one are its values. */
function columnsOf(rows: readonly unknown[]): ReadonlyMap<string, readonly unknown[]> {
  const [first] = rows;
  const isObject = typeof first === 'object' && first !== null && !Array.isArray(first);
  if (!isObject || 'b64' in first) return new Map([['prediction', rows]]);
  const objects = rows as readonly Readonly<Record<string, unknown>>[];
  return new Map(Object.keys(first).map((name) => [name, objects.map((row) => row[name])]));
}
