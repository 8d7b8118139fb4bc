/** The kinds of requests that are refused, and the surfaces on which they are sent. */
import type { Metadata } from '../overload/client/request-bytes.ts';

export const SURFACES = ['TFS REST', 'V2 REST', 'TFS gRPC', 'V2 gRPC'] as const;
export type SurfaceName = (typeof SURFACES)[number];

/** `usual`: with default options; `strict`: with a small limit of messages, and a quota of its callers. */
export type ServerName = 'usual' | 'strict';

/** The limit of messages of the strict server, and a message that is larger. */
export const STRICT_BYTES = 4096;
export const TOO_MANY_BYTES = 6000;

/** The one caller of all connections, and the header that names it. */
export const ONE_CALLER = ['x-caller', 'one'] as const;

interface RequestOf {
  /** The kind of refusal; RIGHT for the request that is answered. */
  readonly kind: string;
  readonly server: ServerName;
  /** The status that nearly all answers have: HTTP's, or gRPC's. */
  readonly status: number;
}

export interface HttpRequest extends RequestOf {
  readonly bytes: Uint8Array;
}

export interface GrpcRequest extends RequestOf {
  readonly path: string;
  readonly message: Uint8Array;
  readonly timeoutMs: number;
  readonly metadata?: Metadata;
}

export type AnyRequest = HttpRequest | GrpcRequest;

export const RIGHT = 'right';
