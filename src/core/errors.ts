/**
 * The one error table: the kind of failure ↔ gRPC status ↔ HTTP status ↔ may the caller retry.
 *
 * Every failure that a caller may see is a ServingError of one of these kinds. The kinds are a closed union, so a
 * `switch` over them is checked for completeness and metric labels are finite. Surfaces take their codes from the
 * table; no HTTP or gRPC number for an error stands anywhere else in src/.
 *
 * The codes are TensorFlow Serving's where it has one for the case: an unknown label is INVALID_ARGUMENT, an unknown
 * signature FAILED_PRECONDITION. docs/reference/compatibility.md lists the differences.
 */

/** gRPC status codes by name (https://grpc.io/docs/guides/status-codes/). */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type ErrorKind = keyof typeof ERROR_TABLE;

export interface ErrorRow {
  readonly grpc: number;
  readonly http: number;
  /** May the same request be sent again (here after `retryAfterMs`, or to another replica)? */
  readonly retryable: boolean;
}

const row = (grpc: number, http: number, retryable = false): ErrorRow => ({ grpc, http, retryable });

export const ERROR_TABLE = {
  /** A message that cannot be parsed; a wrong dtype, shape or input name. */
  invalid_request: row(GrpcStatus.INVALID_ARGUMENT, 400),
  /** No credential, or one that nobody has. */
  unauthenticated: row(GrpcStatus.UNAUTHENTICATED, 401),
  /** The caller is known, but not allowed to ask this. */
  permission_denied: row(GrpcStatus.PERMISSION_DENIED, 403),
  /** Unknown model name or version. */
  model_not_found: row(GrpcStatus.NOT_FOUND, 404),
  /** Unknown region of shared memory. */
  region_not_found: row(GrpcStatus.NOT_FOUND, 404),
  /** Over REST as in Triton. */
  region_exists: row(GrpcStatus.ALREADY_EXISTS, 400),
  /** The version label is unknown. */
  label_not_found: row(GrpcStatus.INVALID_ARGUMENT, 400),
  /** The signature name is unknown. */
  signature_not_found: row(GrpcStatus.FAILED_PRECONDITION, 400),
  /** Unknown path or method of a surface: HTTP route or gRPC method. */
  route_not_found: row(GrpcStatus.UNIMPLEMENTED, 404),
  method_not_allowed: row(GrpcStatus.UNIMPLEMENTED, 405),
  /** The version is configured but still loading or warming up. */
  model_not_ready: row(GrpcStatus.UNAVAILABLE, 503, true),
  /** Message, body or tensor over its limit. */
  too_large: row(GrpcStatus.RESOURCE_EXHAUSTED, 413),
  /** Queue full, or shed by admission. */
  overloaded: row(GrpcStatus.RESOURCE_EXHAUSTED, 429, true),
  /** The server is shutting down. */
  draining: row(GrpcStatus.UNAVAILABLE, 503, true),
  deadline_exceeded: row(GrpcStatus.DEADLINE_EXCEEDED, 504),
  /** The body came too slowly. */
  body_timeout: row(GrpcStatus.DEADLINE_EXCEEDED, 408),
  /** The client left. */
  cancelled: row(GrpcStatus.CANCELLED, 499),
  /** A method, dtype or encoding that this build, backend or surface does not have. */
  unsupported: row(GrpcStatus.UNIMPLEMENTED, 501),
  load_failed: row(GrpcStatus.FAILED_PRECONDITION, 400),
  /** A step of a sequence that was not started, has ended, or whose state is lost. */
  sequence_lost: row(GrpcStatus.FAILED_PRECONDITION, 400),
  /** A file of recorded requests cannot be read as what it should be. */
  corrupt_records: row(GrpcStatus.DATA_LOSS, 500),
  /** A version does not fit into the memory that is left now. */
  insufficient_memory: row(GrpcStatus.RESOURCE_EXHAUSTED, 429, true),
  /** The runtime threw while it ran the batch. */
  backend_failed: row(GrpcStatus.INTERNAL, 500),
  /** The worker that ran the batch died. */
  worker_lost: row(GrpcStatus.UNAVAILABLE, 503, true),
  /** The run itself ended the process that it was in: the same request would end the next one. */
  worker_crashed: row(GrpcStatus.INTERNAL, 500),
  /** The server that runs the model does not answer, or the model's circuit breaker is open. */
  backend_unavailable: row(GrpcStatus.UNAVAILABLE, 503, true),
  /** The application behind this server takes no connection. */
  app_unavailable: row(GrpcStatus.UNAVAILABLE, 503, true),
  /** The application broke off, or did not answer in its protocol. */
  app_failed: row(GrpcStatus.UNAVAILABLE, 502),
  /** Any other failure: its cause is logged, never sent. */
  internal: row(GrpcStatus.INTERNAL, 500),
} as const satisfies Record<string, ErrorRow>;

export interface ServingErrorOptions {
  readonly cause?: unknown;
  /** When the caller may try again, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Attributes for logs and spans, e.g. {stage: 'queue'}. They are never sent to the caller. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

/** Marks a ServingError. Registered, so that every copy of this module has the same: a plug-in may bundle one. */
const BRAND: unique symbol = Symbol.for('pillion.ServingError');

/**
 * A failure that a caller may see. Its message tells the caller what was sent, what the model wants, and one fix. It
 * has no stack trace, which would be most of its cost: kind and message say where it comes from.
 */
export class ServingError extends Error {
  readonly kind: ErrorKind;
  readonly retryAfterMs: number | undefined;
  readonly attributes: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(kind: ErrorKind, message: string, options?: ServingErrorOptions) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = limit;
    this.name = 'ServingError';
    this.kind = kind;
    this.retryAfterMs = options?.retryAfterMs;
    this.attributes = options?.attributes;
  }

  get [BRAND](): true {
    return true;
  }

  get row(): ErrorRow {
    return ERROR_TABLE[this.kind];
  }
}

/**
 * A ServingError that many requests get, one after the other. What a surface has made of it is kept with it, so that it
 * is encoded once.
 */
export class SharedError extends ServingError {
  /** These two belong to the surfaces (proxy/grpc/, proxy/http1/). */
  grpcForm: object | undefined = undefined;
  httpForm: Uint8Array | undefined = undefined;

  constructor({ kind, message, retryAfterMs, attributes }: ServingError) {
    const delay = retryAfterMs === undefined ? {} : { retryAfterMs };
    super(kind, message, attributes === undefined ? delay : { ...delay, attributes });
  }
}

/** An `invalid_request` error. */
export function invalidRequest(message: string): ServingError {
  return new ServingError('invalid_request', message);
}

/** An error of a plug-in that has no ServingError of this module: an Error with the brand and a kind. */
interface BrandedError extends Error {
  readonly kind: ErrorKind;
  readonly retryAfterMs?: unknown;
}

/**
 * Anything thrown → ServingError. An error of another copy of this module, or a plug-in's own with the brand, becomes
 * one of this copy. An unknown error becomes `internal`, and its text is not sent to the caller.
 */
export function toServingError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  if (!isBranded(thrown)) {
    return new ServingError('internal', 'internal error; the server log has the cause', { cause: thrown });
  }
  const { kind, message, cause, retryAfterMs } = thrown;
  return new ServingError(kind, message, { cause, ...(typeof retryAfterMs === 'number' && { retryAfterMs }) });
}

function isBranded(thrown: unknown): thrown is BrandedError {
  if (!(thrown instanceof Error) || !(BRAND in thrown)) return false;
  const { kind } = thrown as Partial<BrandedError>;
  return typeof kind === 'string' && Object.hasOwn(ERROR_TABLE, kind);
}

const STATUS_NAMES: readonly string[] = Object.keys(GrpcStatus);

/** The name of the gRPC status: a closed set. */
export function statusName(outcome: 'ok' | ErrorKind): string {
  return outcome === 'ok' ? 'OK' : STATUS_NAMES[ERROR_TABLE[outcome].grpc]!;
}

/** The name of one of GrpcStatus. */
export function grpcStatusName(code: number): string {
  return STATUS_NAMES[code]!;
}

/** Those that say that the server is at fault, by OpenTelemetry's conventions for gRPC. */
const SERVER_FAULTS: ReadonlySet<number> = new Set([
  GrpcStatus.UNKNOWN,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.INTERNAL,
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DATA_LOSS,
]);

export function isGrpcServerFault(code: number): boolean {
  return SERVER_FAULTS.has(code);
}
