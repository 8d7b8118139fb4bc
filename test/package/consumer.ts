/** An application that uses the package, compiled against its types alone and run: prints its answer's bits. */
import {
  type LocalPredict,
  type NumericTensor,
  numericTensor,
  ServingError,
  type StartedPillion,
  start,
} from 'pillion';
import { type Backend, checkRun, DTYPES, elements, type Session } from 'pillion/backend';

declare const process: { readonly argv: readonly string[] };
declare const console: { log(text: string): void };

const [, , model = '', scan = ''] = process.argv;
const pillion: StartedPillion = await start({
  model: [`digits=${model}`],
  ...{ port: 0, rest_api_port: 0, admin_port: 0, bind_address: '127.0.0.1', log_level: 'error' },
});
const request: LocalPredict = {
  model: 'digits',
  inputs: { pixels: numericTensor('float32', [1, 64], Float32Array.from(scan.split(','), Number)) },
};
const { probabilities } = Object.fromEntries(await pillion.predict(request)) as Record<string, NumericTensor>;
const refusal: unknown = await pillion.predict({ ...request, model: 'none' }).catch((error: unknown) => error);
const kind = refusal instanceof ServingError ? refusal.kind : 'none';
await pillion.drain();
console.log(JSON.stringify({ bits: [...probabilities!.data], first: elements(probabilities!)[0], kind }));

/** A plug-in's types. */
export const backend: Backend = {
  kind: 'none',
  probe: () => Promise.resolve(false),
  load: (): Promise<Session> => Promise.reject(new Error(`no ${DTYPES.length}`)),
};
export { checkRun };
