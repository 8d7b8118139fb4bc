/**
 * One header field, and what it means for the validity of a request (RFC 9113, 8.2 and 8.3), found out once.
 *
 * Fields in the static and dynamic table are shared by all requests that refer to them, so the name and value of a
 * field that a client repeats are looked at only when it first sends it.
 */

export const FieldKind = {
  /** An ordinary field. */
  REGULAR: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  CONTENT_LENGTH: 5,
  HOST: 6,
  /** May stand in no request: bad characters, upper case, a field of HTTP/1.1's connection, an unknown pseudo-header. */
  MALFORMED: 7,
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

  /** As RFC 7541, 4.1 counts it, in tables and in header lists. */
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

/** No NUL, CR or LF, and no blank at either end. */
function isFieldValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}

/** Of a CONNECT there is none; `*` for OPTIONS; otherwise it starts with a slash and has no blanks or controls. */
function isPath(value: string): boolean {
  return value === '*' || /^\/[^\0- \x7f]*$/.test(value);
}
