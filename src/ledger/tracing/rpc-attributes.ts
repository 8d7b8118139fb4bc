/**
 * Attributes of calls by OpenTelemetry's conventions for gRPC, which are stable since 1.45. With `rpc/dup` in
 * OTEL_SEMCONV_STABILITY_OPT_IN a call also has those that they replaced, but for the old `rpc.method`, as one key has one
 * value.
 */
import { grpcStatusName } from '../../core/errors.ts';
import { AttributeKey, type AttributeValue } from './span-output.ts';

/** A method that this server, or the application behind it, is not known to have. */
export const OTHER_RPC_METHOD = '_OTHER';

/** The value of both names of the system. */
export const GRPC_SYSTEM = 'grpc';

const SYSTEM_NAME = new AttributeKey('rpc.system.name');
const METHOD = new AttributeKey('rpc.method');
const STATUS = new AttributeKey('rpc.status_code');
const OLD_SYSTEM = new AttributeKey('rpc.system');
const OLD_SERVICE = new AttributeKey('rpc.service');
const OLD_STATUS = new AttributeKey('rpc.grpc.status_code');

type Entry = readonly [AttributeKey, AttributeValue];

export class RpcAttributes {
  readonly #hasOld: boolean;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    const optIn = environment['OTEL_SEMCONV_STABILITY_OPT_IN'] ?? '';
    this.#hasOld = optIn.split(',').some((category) => category.trim() === 'rpc/dup');
  }

  /** `method`: "package.Service/Method", or OTHER_RPC_METHOD; `status`: one of GrpcStatus. */
  of(method: string, status: number): readonly Entry[] {
    const entries: readonly Entry[] = [
      [SYSTEM_NAME, GRPC_SYSTEM],
      [METHOD, method],
      [STATUS, grpcStatusName(status)],
    ];
    return this.#hasOld ? [...entries, ...oldOf(method, status)] : entries;
  }
}

function oldOf(method: string, status: number): readonly Entry[] {
  const system: Entry = [OLD_SYSTEM, GRPC_SYSTEM];
  const code: Entry = [OLD_STATUS, status];
  const end = method.lastIndexOf('/');
  return end === -1 ? [system, code] : [system, [OLD_SERVICE, method.slice(0, end)], code];
}
