/**
 * Every question that the access contract asks of a server, on both surfaces, and a policy of a few lines beside ours.
 */
import { Buffer } from 'node:buffer';
import type { ClientHttp2Session } from 'node:http2';
import { bytesField, message, messageField } from '../../src/codec/protobuf/wire-writer.ts';
import type { PrincipalEntry } from './access-file.ts';
import { answerOf, frame, openCall } from './raw-grpc.ts';
import { RawConnection } from './rest-harness.ts';

export const SERVED = 'digits';
export const MODELS = [SERVED, 'digits-2', 'other'];

/** The headers that a caller sends, and its name for the server. */
export interface Credential {
  readonly name: string;
  /** Names and values, as they go over the wire; a name may be there twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined = nobody. */
  readonly principal: string | undefined;
}

export type Verdict = 'nobody' | 'denied' | 'passed';

/** The file's rules, read anew by the simplest means. */
export function oracle(
  principals: readonly PrincipalEntry[],
  principal: string | undefined,
  method: string,
  surface: string,
  model: string,
): Verdict {
  if (principal === undefined) return 'nobody';
  const { may = [] } = principals.find(({ name }) => name === principal) ?? {};
  for (const { models, methods, surfaces = ['grpc', 'rest'] } of may) {
    const names = models.some((pattern) => {
      const at = pattern.indexOf('*');
      return at === -1 ? pattern === model : pattern.slice(0, at) === model.slice(0, at);
    });
    if (names && methods.includes(method) && surfaces.includes(surface)) return 'passed';
  }
  return 'denied';
}

export interface Question {
  readonly method: string;
  /** '*' for a method that concerns all models. */
  readonly model: string;
  readonly what: string;
}

export interface Answer {
  readonly verdict: Verdict;
  /** Its whole text, without times and ids. */
  readonly text: string;
}

const PREDICTION = '/tensorflow.serving.PredictionService';
const MODEL = '/tensorflow.serving.ModelService';
const INFERENCE = '/inference.GRPCInferenceService';

const spec = (model: string): Uint8Array => messageField(1, message(bytesField(1, model)));
/** Input {1 example_list {1 examples}}. */
const INPUT = messageField(2, message(messageField(1, message(messageField(1, message())))));

export interface GrpcQuestion extends Question {
  readonly path: string;
  readonly body: Uint8Array;
}

export function grpcQuestions(): readonly GrpcQuestion[] {
  const asked = (method: string, path: string, bodyOf: (model: string) => Uint8Array): readonly GrpcQuestion[] =>
    MODELS.map((model) => ({ method, model, what: `${path} of ${model}`, path, body: bodyOf(model) }));
  const task = (model: string): Uint8Array =>
    messageField(1, message(spec(model), bytesField(2, 'tensorflow/serving/classify')));
  return [
    ...asked('predict', `${PREDICTION}/Predict`, (model) => message(spec(model))),
    ...asked('classify', `${PREDICTION}/Classify`, (model) => message(spec(model), INPUT)),
    ...asked('regress', `${PREDICTION}/Regress`, (model) => message(spec(model), INPUT)),
    ...asked('multi_inference', `${PREDICTION}/MultiInference`, (model) => message(task(model), INPUT)),
    ...asked('metadata', `${PREDICTION}/GetModelMetadata`, (model) =>
      message(spec(model), bytesField(2, 'signature_def')),
    ),
    ...asked('status', `${MODEL}/GetModelStatus`, (model) => message(spec(model))),
    ...asked('predict', `${INFERENCE}/ModelInfer`, (model) => bytesField(1, model)),
    ...asked('metadata', `${INFERENCE}/ModelMetadata`, (model) => bytesField(1, model)),
    ...asked('metadata', `${INFERENCE}/ModelConfig`, (model) => bytesField(1, model)),
    ...asked('status', `${INFERENCE}/ModelReady`, (model) => bytesField(1, model)),
    ...asked('status', `${INFERENCE}/ModelStatistics`, (model) => bytesField(1, model)),
    // These change nothing without --model_control_mode=explicit.
    ...asked('load', `${INFERENCE}/RepositoryModelLoad`, (model) => bytesField(2, model)),
    ...asked('load', `${INFERENCE}/RepositoryModelUnload`, (model) => bytesField(1, model)),
    // These change nothing without --allow_client_settings.
    ...['LogSettings', 'TraceSetting'].map((name) => ({
      ...{ method: 'settings', model: '*', what: name, path: `${INFERENCE}/${name}` },
      body: messageField(1, bytesField(1, 'log_file')),
    })),
    {
      method: 'reload',
      model: '*',
      what: 'reload',
      path: `${MODEL}/HandleReloadConfigRequest`,
      // A request without a config is wrong, and changes nothing.
      body: message(),
    },
  ];
}

/** A MultiInference whose second task names another model than the first. */
export function twoTasks(first: string, second: string): GrpcQuestion {
  const tasks = [first, second].map((model) =>
    messageField(1, message(spec(model), bytesField(2, 'tensorflow/serving/classify'))),
  );
  const path = `${PREDICTION}/MultiInference`;
  return { method: 'multi_inference', model: second, what: 'two tasks', path, body: message(...tasks, INPUT) };
}

export async function askGrpc(
  session: ClientHttp2Session,
  { path, body }: GrpcQuestion,
  credential: Credential,
): Promise<Answer> {
  const stream = openCall(session, path, Object.fromEntries(credential.headers));
  stream.end(frame(body));
  const { grpcStatus, grpcMessage } = await answerOf(stream);
  if (Number.isNaN(grpcStatus)) throw new Error('the call has ended without a status');
  const verdict = grpcStatus === 16 ? 'nobody' : grpcStatus === 7 ? 'denied' : 'passed';
  return { verdict, text: `${grpcStatus} ${grpcMessage}` };
}

export interface RestQuestion extends Question {
  readonly verb: 'GET' | 'POST';
  readonly path: string;
}

/** `spell`: writes a model's path in another way that means the same. */
export function restQuestions(spell: (path: string) => string = (path) => path): readonly RestQuestion[] {
  const asked = (method: string, verb: 'GET' | 'POST', pathOf: (model: string) => string): readonly RestQuestion[] =>
    MODELS.map((model) => ({
      method,
      model,
      verb,
      path: spell(pathOf(model)),
      what: `${verb} ${spell(pathOf(model))}`,
    }));
  return [
    ...asked('predict', 'POST', (model) => `/v1/models/${model}:predict`),
    ...asked('predict', 'POST', (model) => `/v1/models/${model}/versions/1:predict`),
    ...asked('predict', 'POST', (model) => `/v1/models/${model}/labels/stable:predict`),
    ...asked('classify', 'POST', (model) => `/v1/models/${model}:classify`),
    ...asked('regress', 'POST', (model) => `/v1/models/${model}:regress`),
    ...asked('status', 'GET', (model) => `/v1/models/${model}`),
    ...asked('metadata', 'GET', (model) => `/v1/models/${model}/metadata`),
    ...asked('predict', 'POST', (model) => `/v2/models/${model}/infer`),
    ...asked('predict', 'POST', (model) => `/v2/models/${model}/versions/1/infer`),
    ...asked('metadata', 'GET', (model) => `/v2/models/${model}`),
    ...asked('metadata', 'GET', (model) => `/v2/models/${model}/config`),
    ...asked('status', 'GET', (model) => `/v2/models/${model}/ready`),
    ...asked('status', 'GET', (model) => `/v2/models/${model}/versions/1/stats`),
    ...asked('load', 'POST', (model) => `/v2/repository/models/${model}/load`),
    ...asked('load', 'POST', (model) => `/v2/repository/models/${model}/unload`),
    ...(['/v2/logging', '/v2/trace/setting'] as const).map((path) => ({
      ...{ method: 'settings', model: '*', verb: 'POST' as const, path, what: path },
    })),
    { method: 'metrics', model: '*', verb: 'GET', path: '/monitoring/prometheus/metrics', what: 'metrics' },
  ];
}

/** `lane`: 'plain' for the short way of usual requests, 'node' for node:http's, 'old' for HTTP/1.0. */
export async function askRest(
  address: string,
  { verb, path }: RestQuestion,
  credential: Credential,
  lane: 'plain' | 'node' | 'old',
): Promise<Answer> {
  const connection = new RawConnection(address);
  const body = verb === 'POST' ? '{"instances":[[1]]}' : '';
  const lines = [
    `${verb} ${path} HTTP/1.${lane === 'old' ? 0 : 1}`,
    'host: test',
    ...(verb === 'POST' ? [`content-length: ${body.length}`] : []),
    ...(lane === 'node' ? ['te: trailers'] : []),
    ...credential.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  connection.send(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'));
  const { status, headers, body: text } = await connection.answer();
  connection.destroy();
  const verdict = status === 401 ? 'nobody' : status === 403 ? 'denied' : 'passed';
  const kept = [...headers].filter(([name]) => !['date', 'server-timing', 'keep-alive', 'connection'].includes(name));
  return { verdict, text: `${status} ${JSON.stringify(kept)} ${text.toString()}` };
}
