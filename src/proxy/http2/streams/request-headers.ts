/**
 * Checks the header list of a request and its trailers (RFC 9113, 8.2 and 8.3).
 */
import { FieldKind, type HeaderField } from '../hpack/header-field.ts';

/**
 * The headers of a request. Read-only and shared: equal header blocks of a connection give the same object, so that a
 * handler may keep what it derives from them (a route, say) in `derived`.
 */
export class RequestHeaders {
  readonly method: string;
  /** '' for CONNECT without a protocol; so is the path. */
  readonly scheme: string;
  readonly path: string;
  /** `:authority`, or `host` where there is none; '' if neither. */
  readonly authority: string;
  /** The protocol that CONNECT asks to speak in the stream (RFC 8441). */
  readonly protocol: string | undefined;
  /** −1 if there is none. The engine checks the body against it. */
  readonly contentLength: number;
  /** The headers in the order sent, without pseudo-headers: names in lower case, repeated ones each by itself. */
  readonly fields: readonly HeaderField[];
  /** Belongs to the handler. A WeakMap would cost the garbage collector more where a client's blocks all differ. */
  derived: object | undefined = undefined;

  constructor(pseudo: PseudoHeaders, contentLength: number, fields: readonly HeaderField[]) {
    this.method = pseudo.method ?? '';
    this.scheme = pseudo.scheme ?? '';
    this.path = pseudo.path ?? '';
    this.authority = pseudo.authority ?? getField(fields, 'host') ?? '';
    this.protocol = pseudo.protocol;
    this.contentLength = contentLength;
    this.fields = fields;
  }

  /** The first value of a field, by its lower-case name. */
  get(name: string): string | undefined {
    return getField(this.fields, name);
  }
}

function getField(fields: readonly HeaderField[], name: string): string | undefined {
  for (const field of fields) if (field.name === name) return field.value;
  return undefined;
}

interface PseudoHeaders {
  method: string | undefined;
  scheme: string | undefined;
  path: string | undefined;
  authority: string | undefined;
  protocol: string | undefined;
}

/** Returns undefined if the request is malformed. `takesTunnels`: as in Http2Options. */
export function readRequestHeaders(list: readonly HeaderField[], takesTunnels = false): RequestHeaders | undefined {
  const pseudo: PseudoHeaders = {
    method: undefined,
    scheme: undefined,
    path: undefined,
    authority: undefined,
    protocol: undefined,
  };
  let pseudoCount = 0;
  for (const field of list) {
    const key = PSEUDO_KEYS[field.kind];
    if (key === undefined) break;
    if (pseudo[key] !== undefined) return undefined;
    pseudo[key] = field.value;
    pseudoCount += 1;
  }
  if (!isComplete(pseudo) || (pseudo.protocol !== undefined && !takesTunnels)) return undefined;
  const fields = list.slice(pseudoCount);
  let contentLength = -1;
  let hasHost = false;
  for (const field of fields) {
    if (field.kind === FieldKind.CONTENT_LENGTH) {
      const length = Number(field.value);
      if (contentLength !== -1 && contentLength !== length) return undefined;
      contentLength = length;
    } else if (field.kind === FieldKind.HOST) {
      // Two servers could disagree on which of two hosts is meant.
      if (hasHost || (pseudo.authority !== undefined && pseudo.authority !== field.value)) return undefined;
      hasHost = true;
    } else if (field.kind !== FieldKind.REGULAR) {
      return undefined;
    }
  }
  return new RequestHeaders(pseudo, contentLength, fields);
}

const PSEUDO_KEYS: { readonly [kind: number]: keyof PseudoHeaders } = {
  [FieldKind.METHOD]: 'method',
  [FieldKind.SCHEME]: 'scheme',
  [FieldKind.PATH]: 'path',
  [FieldKind.PROTOCOL]: 'protocol',
  [FieldKind.AUTHORITY]: 'authority',
};

function isComplete({ method, scheme, path, authority, protocol }: PseudoHeaders): boolean {
  if (protocol !== undefined && (method !== 'CONNECT' || authority === undefined)) return false;
  if (method === 'CONNECT' && protocol === undefined)
    return scheme === undefined && path === undefined && authority !== undefined;
  return method !== undefined && scheme !== undefined && path !== undefined;
}

/** Trailers may hold neither pseudo-headers nor fields that are malformed in a request. */
export function areTrailersValid(list: readonly HeaderField[]): boolean {
  return list.every(
    ({ kind }) => kind === FieldKind.REGULAR || kind === FieldKind.HOST || kind === FieldKind.CONTENT_LENGTH,
  );
}
