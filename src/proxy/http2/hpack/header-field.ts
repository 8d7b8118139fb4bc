/**
 * One header field, classified once (RFC 9113, 8.2 and 8.3). All requests that refer to a field in the static or
 * dynamic table share it, so that a field which a client repeats is not checked again.
 */

export const FieldKind = {
  REGULAR: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  CONTENT_LENGTH: 5,
  HOST: 6,
  /** Not allowed in a request: bad characters, upper case, an HTTP/1.1 connection field, an unknown pseudo-header. */
  MALFORMED: 7,
  /** `:protocol`, which CONNECT alone may have, where it was announced (RFC 8441). */
  PROTOCOL: 8,
} as const;

export class HeaderField {
  readonly name: string;
  /** One character per byte (latin1). */
  readonly value: string;
  readonly kind: number;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.kind = kindOf(name, value);
  }

  /** Size in tables and in header lists (RFC 7541, 4.1). */
  get size(): number {
    return this.name.length + this.value.length + 32;
  }
}

function kindOf(name: string, value: string): number {
  if (!isFieldValue(value)) return FieldKind.MALFORMED;
  switch (name) {
    case ':method':
      return isToken(value) ? FieldKind.METHOD : FieldKind.MALFORMED;
    case ':scheme':
      return FieldKind.SCHEME;
    case ':authority':
      return FieldKind.AUTHORITY;
    case ':path':
      return isPath(value) ? FieldKind.PATH : FieldKind.MALFORMED;
    case ':protocol':
      return isToken(value) ? FieldKind.PROTOCOL : FieldKind.MALFORMED;
    case 'content-length':
      return /^[0-9]{1,15}$/.test(value) ? FieldKind.CONTENT_LENGTH : FieldKind.MALFORMED;
    case 'host':
      return FieldKind.HOST;
    case 'te':
      return value === 'trailers' ? FieldKind.REGULAR : FieldKind.MALFORMED;
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
      return FieldKind.MALFORMED;
    default:
      return isToken(name) && name === name.toLowerCase() ? FieldKind.REGULAR : FieldKind.MALFORMED;
  }
}

/** tchar of RFC 9110, 5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** No NUL, CR or LF, and no space or tab at either end. */
function isFieldValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}

/** `*` (for OPTIONS), or a slash and then neither spaces nor control characters. */
function isPath(value: string): boolean {
  return value === '*' || /^\/[^\0- \x7f]*$/.test(value);
}
