/**
 * HTTP/2 error codes (RFC 9113, 7) and the error that ends a connection.
 *
 * A stream error is no exception here: the frame that caused it is answered with RST_STREAM and the connection goes on.
 * A connection error is thrown wherever it is found, caught once in connection.ts, and sent to the peer in a GOAWAY. It
 * never reaches a handler.
 */

export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

/** The code's name, such as 'CANCEL'; its number if it has no name. */
export function errorCodeName(code: number): string {
  return Object.keys(ErrorCode)[code] ?? String(code);
}

/** Ends the connection: the peer gets `code` and `message` in a GOAWAY. Made without a stack: a peer can cause many. */
export class ConnectionError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.name = 'ConnectionError';
    this.code = code;
  }
}

export function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

export function frameSizeError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, message);
}

export function compressionError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, message);
}

/** The peer keeps to the protocol but causes far too much work. */
export function enhanceYourCalm(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message);
}
