/** A report among the trailers of a gRPC answer. */
import type { SharedTrailers } from '../answer-reports.ts';
import type { CallStatus } from './engine.ts';
import { OK } from './grpc-errors.ts';

/** The status with these trailers; OK's is made once of trailers that many answers carry. */
export function withTrailers(status: CallStatus, shared: SharedTrailers): CallStatus {
  if (status === OK) {
    shared.grpcForm ??= { ...made(OK, shared), encoded: { block: undefined } };
    return shared.grpcForm as CallStatus;
  }
  return made(status, shared);
}

function made({ code, message, trailers }: CallStatus, { entries }: SharedTrailers): CallStatus {
  return { code, message, trailers: { ...trailers, ...entries } };
}
