/** Sends the steps of a case to a server, and notes its answers in the form of the recorded ones. */
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { GrpcStatus } from '../../../../src/core/errors.ts';
import { frame, openCall, openSession, rawCall, readMessages } from '../../../support/raw-grpc.ts';
import {
  type Case,
  type GrpcStep,
  type HttpStep,
  type Json,
  type RawStep,
  readJson,
  type StepAnswer,
} from './cases.ts';

/** The file of the cases with shared memory: 16 numbers, 16 ones, zeros. */
const SHARED_FILE = '/dev/shm/tr_shm';
const SERVICE = 'inference.GRPCInferenceService';
const HEADERS = ['content-type', 'inference-header-content-length', 'content-encoding'];
/** By code. */
const STATUSES = Object.keys(GrpcStatus);

export interface Addresses {
  /** "127.0.0.1:port" */
  readonly grpc: string;
  /** "127.0.0.1:port" */
  readonly rest: string;
}

export class Replay {
  readonly #rest: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #session: ClientHttp2Session;
  readonly #registry: FileRegistry;
  readonly #service: DescService;

  constructor({ grpc, rest }: Addresses) {
    this.#rest = new URL(`http://${rest}`);
    this.#session = openSession(grpc);
    const set = readFileSync('test/golden/wire/tritonclient-grpc.fds.bin');
    this.#registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, set));
    this.#service = this.#registry.getService(SERVICE)!;
  }

  close(): void {
    this.#agent.destroy();
    this.#session.close();
  }

  async answers({ steps, triton }: Case): Promise<readonly StepAnswer[]> {
    const file = triton.find((each) => each.file !== undefined)?.file;
    if (file !== undefined) writeSharedFile(Buffer.from(file, 'base64').length);
    const answers: StepAnswer[] = [];
    for (const step of steps) {
      if ('rpc' in step) answers.push(await this.#call(step));
      else if ('raw_b64' in step) answers.push(await this.#raw(step));
      else answers.push(await this.#http(step));
    }
    if (file !== undefined) answers.push({ file: readFileSync(SHARED_FILE).toString('base64') });
    return answers;
  }

  async #http({ method, path, headers, body, body_b64 }: HttpStep): Promise<StepAnswer> {
    const bytes = body_b64 === undefined ? Buffer.from(body ?? '') : Buffer.from(body_b64, 'base64');
    const { hostname, port } = this.#rest;
    const length = bytes.length > 0 || method === 'POST' ? { 'Content-Length': String(bytes.length) } : {};
    const options = { agent: this.#agent, hostname, port, method, path, headers: { ...length, ...headers } };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest(options, resolve).on('error', reject).end(bytes);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return httpAnswer(response.statusCode!, response.headers as Record<string, string>, Buffer.concat(chunks));
  }

  /** What comes back until the server closes. */
  async #raw({ raw_b64 }: RawStep): Promise<StepAnswer> {
    const { hostname, port } = this.#rest;
    const socket = connect(Number(port), hostname);
    socket.write(Buffer.from(raw_b64, 'base64'));
    const chunks: Buffer[] = [];
    socket.setTimeout(3000, () => socket.destroy());
    try {
      for await (const chunk of socket) chunks.push(chunk as Buffer);
    } catch {
      // A server may reset the connection behind its answer.
    }
    let text = Buffer.concat(chunks).toString('latin1');
    text = text.replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, '');
    const found = /^HTTP\/1\.[01] (\d+).*?\r\n(.*?)\r\n\r\n/s.exec(text);
    if (found === null) return { status: null, headers: {}, json: null };
    const headers = Object.fromEntries(
      found[2]!
        .split('\r\n')
        .map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    return httpAnswer(Number(found[1]), headers, Buffer.from(text.slice(found[0].length), 'latin1'));
  }

  async #call({ rpc, request, requests, compression, metadata }: GrpcStep): Promise<StepAnswer> {
    const method = this.#service.methods.find(({ name }) => name === rpc)!;
    const path = `/${SERVICE}/${rpc}`;
    const options = { registry: this.#registry, ignoreUnknownFields: true };
    const encoded = (value: Json): Uint8Array =>
      toBinary(method.input, fromJson(method.input, withProtoNames(value) as JsonValue, options));
    if (requests !== undefined) return this.#stream(path, requests.map(encoded), method.output);
    const message = encoded(request!);
    const packed = { gzip: gzipSync, deflate: deflateSync }[compression ?? ''];
    const headers = {
      ...(packed !== undefined && { 'grpc-encoding': compression!, 'grpc-accept-encoding': 'identity,gzip,deflate' }),
      ...metadataOf(metadata),
    };
    const body = packed === undefined ? frame(message) : frame(packed(message), 1);
    const answer = await rawCall(this.#session, path, body, headers);
    const code = STATUSES[answer.grpcStatus] ?? `HTTP ${answer.status}`;
    if (code !== 'OK') return { code, details: answer.grpcMessage };
    return { code, message: this.#json(method.output, answer.message!) };
  }

  async #stream(path: string, requests: readonly Uint8Array[], output: DescMessage): Promise<StepAnswer> {
    const stream = openCall(this.#session, path);
    let status = '0';
    for (const event of ['response', 'trailers']) {
      stream.on(event, (headers) => {
        status = String(headers['grpc-status'] ?? status);
      });
    }
    const messages = readMessages(stream);
    for (const request of requests) stream.write(frame(request));
    stream.end();
    const answers = (await messages).map((message) => this.#json(output, message));
    return { code: STATUSES[Number(status)]!, stream: answers };
  }

  #json(type: DescMessage, bytes: Uint8Array): Json {
    return toJson(type, fromBinary(type, bytes), { useProtoFieldName: true, registry: this.#registry }) as Json;
  }
}

function httpAnswer(status: number, received: Readonly<Record<string, string>>, bytes: Buffer): StepAnswer {
  const encoding = received['content-encoding'];
  const body = encoding === 'gzip' ? gunzipSync(bytes) : encoding === 'deflate' ? inflateSync(bytes) : bytes;
  const headers = Object.fromEntries(Object.entries(received).filter(([name]) => HEADERS.includes(name)));
  const length = received['inference-header-content-length'];
  const end = length === undefined ? body.length : Number(length);
  const answer = { status, headers, ...jsonOrText(body.subarray(0, end)) };
  return end === body.length ? answer : { ...answer, tail: body.subarray(end).toString('base64') };
}

function jsonOrText(body: Buffer): Pick<StepAnswer, 'json' | 'text'> {
  if (body.length === 0) return { json: null };
  try {
    return { json: readJson(body.toString()) };
  } catch {
    return { text: body.toString() };
  }
}

/** The descriptors have no JSON names. */
function withProtoNames(value: Json): Json {
  if (Array.isArray(value)) return value.map(withProtoNames);
  if (value === null || typeof value !== 'object') return value;
  const protoName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [protoName(key), withProtoNames(each)]));
}

function metadataOf(metadata: Json | undefined): Record<string, string> {
  if (metadata === undefined || metadata === null) return {};
  const pairs = Array.isArray(metadata) ? metadata : Object.entries(metadata);
  return Object.fromEntries(pairs.map(([name, value]) => [String(name), String(value)]));
}

function writeSharedFile(bytes: number): void {
  const file = Buffer.alloc(bytes);
  for (let i = 0; i < 16; i++) {
    file.writeInt32LE(i, 4 * i);
    file.writeInt32LE(1, 64 + 4 * i);
  }
  writeFileSync(SHARED_FILE, file);
}
