/**
 * Reports on answers, in headers over HTTP and in trailers over gRPC, which a feature makes for requests that ask for them.
 * Without such a feature no request looks for the header, and no answer asks for a report.
 */
export interface AnswerReports {
  /** The header by which a request asks for a report, in lower case. */
  readonly askedBy: string;
  /** Every answer carries one, not only those to requests with the header. A field: it is read for each request. */
  readonly isAlways: boolean;
  /** The header of an HTTP answer; undefined: it carries no report. `asked`: the request's header. */
  onHttp(asked: string | undefined): readonly [name: string, value: string] | undefined;
  /** The trailers of a gRPC answer; undefined: it carries no report. `asked`: as for HTTP. */
  onCall(asked: string | undefined): SharedTrailers | undefined;
}

/** Trailers that many gRPC answers carry. */
export interface SharedTrailers {
  readonly entries: Readonly<Record<string, string | Uint8Array>>;
  /** The form that proxy/grpc/ has made of the entries; it belongs to that folder. */
  grpcForm: object | undefined;
}

/** The reports that the answer to a request shall carry; undefined: none. `asked`: the request's header. */
export function wantedReports(
  reports: AnswerReports | undefined,
  asked: string | undefined,
): AnswerReports | undefined {
  return reports === undefined || (asked === undefined && !reports.isAlways) ? undefined : reports;
}
