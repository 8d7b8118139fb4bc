/** The load report among the trailers of a gRPC answer. */
import { LOAD_BIN_HEADER, type LoadReport } from '../load/load-report.ts';
import type { CallStatus } from './engine.ts';
import { OK } from './grpc-errors.ts';

/** The status with the report as a trailer; OK's is made once of a report that many answers carry. */
export function withReport(status: CallStatus, report: LoadReport): CallStatus {
  if (status === OK) {
    report.grpcForm ??= { ...made(OK, report), encoded: { block: undefined } };
    return report.grpcForm as CallStatus;
  }
  return made(status, report);
}

function made({ code, message, trailers }: CallStatus, { bytes }: LoadReport): CallStatus {
  return { code, message, trailers: { ...trailers, [LOAD_BIN_HEADER]: bytes } };
}
