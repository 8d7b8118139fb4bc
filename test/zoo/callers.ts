/** Callers of a sidecar, over gRPC and over REST. Each call rejects with the server's own text if it fails. */
import { Buffer } from 'node:buffer';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { readPredictResponse } from '../../src/codec/tensorflow/predict-reader.ts';
import { writePredictRequest } from '../../src/codec/tensorflow/predict-writer.ts';
import type { TensorMap } from '../../src/core/tensor.ts';
import type { Sidecar } from '../support/sidecar.ts';
import { predictBody, readAnswer } from './json-tensors.ts';

export const SURFACES = ['gRPC', 'REST'] as const;
export type Surface = (typeof SURFACES)[number];

const MAX_BYTES = 2 ** 30;
const TIMEOUT_MS = 120_000;

/** Options of a server: a busy machine is no wrong answer, nor is a large body in JSON. */
export const WIDE_LIMITS = [`--rest_api_timeout_in_ms=${TIMEOUT_MS}`, '--max_message_bytes=268435456'] as const;

export interface Question {
  readonly inputs: TensorMap;
  /** The answer of the runtime alone. */
  readonly expected: TensorMap;
}

/** The step of a sequence that a call is. */
export interface CallStep {
  readonly id: string;
  /** "start", "end", both, or ''. */
  readonly words: string;
}

export class Callers {
  readonly #grpc: Client;
  readonly #rest: string;
  /** Bodies are written once: the callers are not what is measured, but they share the cores with it. */
  readonly #bodies = new WeakMap<Question, Buffer>();
  readonly #messages = new WeakMap<Question, Buffer>();

  constructor({ grpc, rest }: Pick<Sidecar, 'grpc' | 'rest'>) {
    this.#grpc = new Client(grpc, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
      'grpc.max_receive_message_length': -1,
      'grpc.enable_retries': 0,
    });
    this.#rest = rest;
  }

  call(surface: Surface, model: string, question: Question, step?: CallStep): Promise<TensorMap> {
    const headers = step === undefined ? {} : headersOf(step);
    return surface === 'gRPC' ? this.#viaGrpc(model, question, headers) : this.#viaRest(model, question, headers);
  }

  close(): void {
    this.#grpc.close();
  }

  #viaGrpc(model: string, question: Question, headers: Headers): Promise<TensorMap> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const message = remembered(this.#messages, question, () =>
      Buffer.from(writePredictRequest({ name: model }, question.inputs, [])),
    );
    return new Promise((resolve, reject) => {
      this.#grpc.makeUnaryRequest<Buffer, Buffer>(
        '/tensorflow.serving.PredictionService/Predict',
        (bytes) => bytes,
        (bytes) => bytes,
        message,
        metadata,
        { deadline: Date.now() + TIMEOUT_MS },
        (error, answer) => (error === null ? resolve(readPredictResponse(answer!, MAX_BYTES)) : reject(error)),
      );
    });
  }

  async #viaRest(model: string, question: Question, headers: Headers): Promise<TensorMap> {
    const body = remembered(this.#bodies, question, () => predictBody(question.inputs));
    const answer = await fetch(`${this.#rest}/v1/models/${model}:predict`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
    return readAnswer(text, question.expected);
  }
}

type Headers = Readonly<Record<string, string>>;

function headersOf({ id, words }: CallStep): Headers {
  return { 'x-pillion-sequence-id': id, ...(words !== '' && { 'x-pillion-sequence-step': words }) };
}

function remembered<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
