/**
 * A call's first header block, read: its method, its timeout, the compression of its messages. A block that a client
 * repeats is read once (it is kept in RequestHeaders.derived), so that such a call needs no look-up.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { ServingError } from '../../core/errors.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { PRIORITY_HEADER, type PriorityClass } from '../../core/priority.ts';
import type { Callers, ToldClient } from '../caller.ts';
import { parseGrpcTimeout } from '../grpc-timeout.ts';
import type { HeaderField } from '../http2/hpack/header-field.ts';
import type { RequestHeaders } from '../http2/streams/request-headers.ts';
import { peerOf } from '../net/listen-address.ts';
import { readPriority } from '../priority-header.ts';
import { readSequenceStep, SEQUENCE_ID_HEADER } from '../sequence-header.ts';
import { type Caller, readCaller } from './caller.ts';
import type { GrpcMethod } from './engine.ts';
import { type HttpRefusal, NOT_GRPC, NOT_POST } from './refuse-request.ts';

const GRPC_CONTENT_TYPE = /^application\/grpc(?:$|[+;])/i;
/** Base64 in either alphabet, with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

export class CallHead {
  readonly path: string;
  readonly peer: string;
  /** Undefined: the peer is no trusted proxy, or tells none. */
  readonly client: ToldClient | undefined;
  /** Undefined if no method has this path. */
  readonly method: GrpcMethod | undefined;
  /** The HTTP answer to a request that is no gRPC call; undefined if it is one. */
  readonly refusal: HttpRefusal | undefined;
  readonly timeoutMs: number | undefined;
  /** `grpc-timeout` as sent, if it cannot be read. */
  readonly badTimeout: string | undefined;
  /** `grpc-encoding`; 'identity' if there is none. */
  readonly encoding: string;
  readonly acceptsGzip: boolean;
  /** The value of `x-pillion-priority`; a ServingError if that cannot be read. */
  readonly priority: PriorityClass | undefined | ServingError;
  /** The value of `x-pillion-sequence-id`; undefined if the call is no step; a ServingError if it cannot be read. */
  readonly step: SequenceStep | undefined | ServingError;
  readonly caller: Caller;
  readonly #fields: readonly HeaderField[];

  constructor(headers: RequestHeaders, method: GrpcMethod | undefined, duplex: Duplex, callers: Callers) {
    this.path = headers.path;
    this.peer = peerOf(duplex);
    this.method = method;
    this.refusal = refusalOf(headers);
    const timeout = headers.get('grpc-timeout');
    this.timeoutMs = timeout === undefined ? undefined : parseGrpcTimeout(timeout);
    this.badTimeout = this.timeoutMs === undefined ? timeout : undefined;
    this.encoding = headers.get('grpc-encoding') ?? 'identity';
    this.acceptsGzip = /(?:^|,)\s*gzip\s*(?:,|$)/.test(headers.get('grpc-accept-encoding') ?? '');
    this.priority = readPriority(headers.get(PRIORITY_HEADER));
    const isStep = headers.get(SEQUENCE_ID_HEADER) !== undefined;
    this.step = isStep ? readSequenceStep((name) => headers.get(name)) : undefined;
    this.#fields = headers.fields;
    this.client = callers.proxies === undefined ? undefined : callers.clientOf(duplex, (name) => this.metadata(name));
    this.caller = readCaller(this, callers, callers.ofClient(duplex, this.client), callers.visitorOf(duplex));
  }

  /** The values of a name, joined by commas. */
  metadata(name: string): string | undefined {
    let joined: string | undefined;
    for (const field of this.#fields) {
      if (field.name === name) joined = joined === undefined ? field.value : `${joined},${field.value}`;
    }
    return joined;
  }

  /** The first value of a name; undefined if there is none or it is not base64. */
  binaryMetadata(name: string): Uint8Array | undefined {
    const text = this.metadata(name)?.split(',', 1)[0]?.trim();
    // One character after groups of four holds no byte.
    if (text === undefined || !BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) return undefined;
    return Buffer.from(text, 'base64');
  }
}

/** `fields` are of a call, as far as they have come. */
export function isCall(fields: readonly HeaderField[]): boolean {
  return fields.some(({ name, value }) => name === 'content-type' && GRPC_CONTENT_TYPE.test(value));
}

function refusalOf(headers: RequestHeaders): HttpRefusal | undefined {
  if (headers.method !== 'POST') return NOT_POST;
  return GRPC_CONTENT_TYPE.test(headers.get('content-type') ?? '') ? undefined : NOT_GRPC;
}
