/** Pure. The status of a call of gRPC, as its client reads it in the application's answer (gRPC's PROTOCOL-HTTP2.md). */
import { Buffer } from 'node:buffer';
import { GrpcStatus } from '../../../core/errors.ts';
import { type RawHeaders, valuesOf } from './hop-headers.ts';

const MAX_STATUS = GrpcStatus.UNAUTHENTICATED;

/** How clients read an answer without a status by its status of HTTP (gRPC's http-grpc-status-mapping.md). */
const BY_HTTP: Readonly<Record<number, number>> = {
  400: GrpcStatus.INTERNAL,
  401: GrpcStatus.UNAUTHENTICATED,
  403: GrpcStatus.PERMISSION_DENIED,
  404: GrpcStatus.UNIMPLEMENTED,
  429: GrpcStatus.UNAVAILABLE,
  502: GrpcStatus.UNAVAILABLE,
  503: GrpcStatus.UNAVAILABLE,
  504: GrpcStatus.UNAVAILABLE,
};

/** The fields of trailers, or of a head that is all of an answer, which tell how a call ended. */
export interface GrpcEnd {
  /** 0 to 16; any other number is UNKNOWN. Undefined: there is none that can be read, as it is no number, or two. */
  readonly status: number | undefined;
  /** The text as it came, percent-encoded. */
  readonly message: string | undefined;
}

export function grpcEndOf(fields: RawHeaders): GrpcEnd {
  const [text, another] = valuesOf(fields, 'grpc-status');
  if (text === undefined || another !== undefined || !/^\d+$/.test(text))
    return { status: undefined, message: undefined };
  const number = Number(text);
  const status = number <= MAX_STATUS ? number : GrpcStatus.UNKNOWN;
  return { status, message: status === GrpcStatus.OK ? undefined : valuesOf(fields, 'grpc-message')[0] };
}

/** The status that clients give a call whose answer tells none. */
export function statusWithoutOne(httpStatus: number): number {
  return BY_HTTP[httpStatus] ?? GrpcStatus.UNKNOWN;
}

/** The text of a `grpc-message`. Nothing of it is lost: what is not encoded well stays as it is. */
export function decodeGrpcMessage(encoded: string): string {
  return encoded.replace(/(?:%[0-9A-Fa-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
}
