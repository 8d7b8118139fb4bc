/**
 * The servers that are measured, by their URLs:
 *
 *   http://HOST/…, https://HOST/…             the data as it is
 *   http://HOST/v2/models/M/infer             the data as the Open Inference Protocol has it; or of TensorFlow Serving, converted
 *   grpc://HOST:PORT/M, grpcs://HOST:PORT/M   a Predict of TensorFlow Serving's gRPC API, of data as `pillion predict` takes it
 *
 * Requests are made once, before anything is measured.
 */
import type { Buffer } from 'node:buffer';
import { type ServerAddress, type ServerOptions, serverAddress } from '../../cli/server-address.ts';
import { readConfigFile } from '../../config/config-file.ts';
import type { Clock } from '../../core/clock.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import { readData } from '../predict/read-data.ts';
import { requestBody } from '../predict/request-body.ts';
import { GRPC_PATH } from './grpc-path.ts';
import { GrpcTarget } from './grpc-target.ts';
import { HttpTarget, type Target } from './target.ts';

/** The options of command.ts that say what is sent, and where. */
export interface TargetOptions extends Omit<ServerOptions, 'server'> {
  readonly urls: readonly string[];
  /** A file; empty = requests are GET. */
  readonly data: string;
  readonly signature: string;
}

/** The path below which a model of the Open Inference Protocol answers, and its name and version. */
const INFER_PATH = /^(?<prefix>.*)\/v2\/models\/(?<model>[^/]+)(?:\/versions\/(?<version>\d+))?\/infer$/;

const PREPARATION_MS = 10_000;

/** Rejects with an Error for the user: of a file, of data that cannot be sent, of a server that does not tell its inputs. */
export async function targetsOf(options: TargetOptions, clock: Clock): Promise<readonly Target[]> {
  const targets: Target[] = [];
  try {
    for (const url of options.urls) {
      const isGrpc = /^grpcs?:/.test(url);
      targets.push(await (isGrpc ? grpcTarget(url, options, clock) : httpTarget(url, options, clock)));
    }
    return targets;
  } catch (error) {
    for (const target of targets) target.close();
    throw error;
  }
}

async function grpcTarget(url: string, options: TargetOptions, clock: Clock): Promise<Target> {
  const { pathname } = new URL(url);
  const { model, version = '' } = GRPC_PATH.exec(pathname)!.groups!;
  const server = serverOf(url, options);
  const { signature } = options;
  const { timeoutMs } = server;
  const { grpcProtocol } = await import('../predict/grpc-protocol.ts');
  const protocol = await grpcProtocol(patient({ ...server, shown: url }), {
    model: decodeURIComponent(model!),
    version,
    signature,
  });
  try {
    const body = await requestBody(await readData(options.data), signature, () => protocol.inputs());
    const send = await protocol.prepare(body, timeoutMs);
    return new GrpcTarget({ url, send, close: () => protocol.close(), timeoutMs, clock });
  } catch (error) {
    protocol.close();
    throw error;
  }
}

async function httpTarget(url: string, options: TargetOptions, clock: Clock): Promise<Target> {
  const { pathname } = new URL(url);
  const server = serverOf(url, options);
  const { token, ca, identity, timeoutMs } = server;
  const of = { url, token, ca, identity, timeoutMs, clock };
  if (options.data === '') return new HttpTarget({ ...of, body: undefined });
  const body = contentOf(options.data);
  const infer = INFER_PATH.exec(pathname)?.groups;
  if (infer === undefined || !isOfTensorflowServing(body)) return new HttpTarget({ ...of, body });
  return new HttpTarget({ ...of, body: await inferBody({ ...server, shown: url }, infer, options.data) });
}

/** The scheme of each URL says whether its server is asked by TLS; the files of TLS may be for the other one. */
function serverOf(url: string, options: TargetOptions): ServerAddress {
  const { protocol, host } = new URL(url);
  if (/s:$/.test(protocol)) return serverAddress({ ...options, server: `https://${host}` });
  return serverAddress({ ...options, ca_file: '', cert_file: '', key_file: '', server: `http://${host}` });
}

/** Gives what is asked before the measurement the time that it takes, however short the deadline of requests is. */
function patient(server: ServerAddress): ServerAddress {
  return { ...server, timeoutMs: Math.max(server.timeoutMs, PREPARATION_MS) };
}

/** The same request in the form of the Open Inference Protocol. */
async function inferBody(
  server: ServerAddress,
  { prefix = '', model = '', version = '' }: Readonly<Record<string, string>>,
  data: string,
): Promise<Buffer> {
  const { v2Protocol } = await import('../predict/v2-protocol.ts');
  const target = { model: decodeURIComponent(model), version, signature: DEFAULT_SIGNATURE_NAME };
  const protocol = v2Protocol(patient({ ...server, base: `${server.base}${prefix}` }), target);
  return protocol.prepare(await requestBody(await readData(data), DEFAULT_SIGNATURE_NAME, () => protocol.inputs()));
}

/** Inputs of the Open Inference Protocol are a list of objects that name their datatypes. */
function isOfTensorflowServing(body: Buffer): boolean {
  const text = body.toString();
  return /^\s*[[{]/.test(text) && !/"datatype"\s*:/.test(text);
}

function contentOf(file: string): Buffer {
  const { bytes, error } = readConfigFile(file);
  if (bytes === undefined) throw new Error(error);
  return bytes;
}
