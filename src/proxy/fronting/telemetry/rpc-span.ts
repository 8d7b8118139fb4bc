/** Spans of fronted calls by OpenTelemetry's conventions for gRPC. */
import { GrpcStatus, grpcStatusName, isGrpcServerFault } from '../../../core/errors.ts';
import { clip, MAX_TEXT_CHARS } from '../../../ledger/caller-text.ts';
import { GRPC_SYSTEM, OTHER_RPC_METHOD, type RpcAttributes } from '../../../ledger/tracing/rpc-attributes.ts';
import { AttributeKey, type SpanOutput } from '../../../ledger/tracing/span-output.ts';
import { decodeGrpcMessage } from '../heads/grpc-answer.ts';
import type { FrontedRecord } from './fronted-record.ts';
import { ERROR_TYPE, HTTP_STATUS, type SpanForm, setArrival, setSent } from './span-form.ts';

const ORIGINAL_METHOD = new AttributeKey('rpc.method_original');

const OK_HTTP = 200;
/** A character of four bytes, each percent-encoded, is the longest. */
const MAX_ENCODED = 12 * MAX_TEXT_CHARS;

export class RpcForm implements SpanForm {
  readonly #rpc: RpcAttributes;

  constructor(rpc: RpcAttributes) {
    this.#rpc = rpc;
  }

  nameOf({ rpcMethod }: FrontedRecord): string {
    return rpcMethod === OTHER_RPC_METHOD ? GRPC_SYSTEM : rpcMethod!;
  }

  setServer(output: SpanOutput, record: FrontedRecord): void {
    this.#setCall(output, record);
    setArrival(output, record);
    setEnd(output, record, isGrpcServerFault(record.grpcStatus!));
  }

  setClient(output: SpanOutput, record: FrontedRecord): void {
    this.#setCall(output, record);
    setSent(output, record);
    setEnd(output, record, record.grpcStatus !== GrpcStatus.OK);
  }

  #setCall(output: SpanOutput, record: FrontedRecord): void {
    const { rpcMethod, grpcStatus, status, headAt } = record;
    for (const [key, value] of this.#rpc.of(rpcMethod!, grpcStatus!)) output.set(key, value);
    if (rpcMethod === OTHER_RPC_METHOD) output.set(ORIGINAL_METHOD, clip(record.path.slice(1)));
    // Only what is no server of gRPC answers with another one.
    if (headAt !== 0 && status !== OK_HTTP) output.set(HTTP_STATUS, status);
  }
}

function setEnd(output: SpanOutput, record: FrontedRecord, isFaulty: boolean): void {
  const { outcome, grpcStatus, grpcMessage, error } = record;
  const isAppStatus = outcome === 'ok' || outcome === 'app_error';
  if (!isAppStatus) output.set(ERROR_TYPE, outcome);
  else if (isFaulty) output.set(ERROR_TYPE, grpcStatusName(grpcStatus!));
  if (!isFaulty) return;
  const message = isAppStatus ? decodeGrpcMessage((grpcMessage ?? '').slice(0, MAX_ENCODED)) : error?.message;
  output.fail(clip(message ?? ''));
}
