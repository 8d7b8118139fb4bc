/**
 * The names of gRPC methods in metrics and spans. Clients choose paths, so a name counts only once the application has
 * answered a call of it as a method that it has, and only so many do. Others are OpenTelemetry's `_OTHER`.
 */
import { GrpcStatus } from '../../../core/errors.ts';
import { OTHER_RPC_METHOD } from '../../../ledger/tracing/rpc-attributes.ts';
import type { FrontedRecord } from './fronted-record.ts';

/** The most names, as an application may answer whatever it is asked. */
const MOST = 100;
const MAX_CHARS = 256;
/** "/package.Service/Method", of names that a .proto file may have. */
const PATH = /^\/([A-Za-z_][\w.]*\/[A-Za-z_]\w*)$/;
const OK_HTTP = 200;

/** Servers answer these without looking whether there is such a method. */
const SAYS_NOTHING: ReadonlySet<number | undefined> = new Set([
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.UNAUTHENTICATED,
  GrpcStatus.PERMISSION_DENIED,
]);

export class GrpcMethods {
  readonly #byPath = new Map<string, string>();

  /** "package.Service/Method", or OTHER_RPC_METHOD. Call it with a record that is over. */
  nameOf(record: FrontedRecord): string {
    const { target } = record.arrival;
    return this.#byPath.get(target) ?? this.#learn(target, record);
  }

  #learn(path: string, { headAt, status, grpcStatus, outcome }: FrontedRecord): string {
    const isAnswered = headAt !== 0 && status === OK_HTTP && outcome !== 'no_grpc_status';
    if (!isAnswered || SAYS_NOTHING.has(grpcStatus)) return OTHER_RPC_METHOD;
    if (this.#byPath.size === MOST || path.length > MAX_CHARS) return OTHER_RPC_METHOD;
    const name = PATH.exec(path)?.[1];
    if (name === undefined) return OTHER_RPC_METHOD;
    this.#byPath.set(path, name);
    return name;
  }
}
