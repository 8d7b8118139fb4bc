/** The caller of a call: who it is, its `x-request-id`, and the span that the call belongs to. */

import type { CallerTrace } from '../../ledger/request-record.ts';
import type { Visitor } from '../access-control.ts';
import { type Callers, callerInHeader } from '../caller.ts';
import { API_KEY, AUTHORIZATION, type SentToken, sentToken } from '../sent-token.ts';

/** Metadata that answers repeat. */
export const REQUEST_ID = 'x-request-id';
export const TRACEPARENT = 'traceparent';

export interface Caller {
  /** The caller's name, as proxy/caller.ts describes it. */
  readonly name: string;
  /** Finds out who it is by `token`; undefined without access control. */
  readonly visitor: Visitor | undefined;
  readonly token: SentToken;
  /** Undefined if it sent none. */
  readonly requestId: string | undefined;
  /** Undefined if it sent none. */
  readonly userAgent: string | undefined;
  /** The header that asks for a report on the answer; undefined if it asks for none. */
  readonly askedReport: string | undefined;
  /** Undefined if it sent none that is well formed. */
  readonly trace: CallerTrace | undefined;
}

/** A call, or the shared head of equal calls. */
interface MetadataSource {
  metadata(name: string): string | undefined;
  binaryMetadata(name: string): Uint8Array | undefined;
}

/** `unnamed`: the caller if the call names none; `visitor`: that of its connection. */
export function readCaller(
  source: MetadataSource,
  { header, reportHeader, propagation }: Callers,
  unnamed: string,
  visitor: Visitor | undefined,
): Caller {
  return {
    visitor,
    token: visitor && sentToken(source.metadata(AUTHORIZATION), source.metadata(API_KEY)),
    name: (header === undefined ? undefined : callerInHeader(source.metadata(header))) ?? unnamed,
    requestId: source.metadata(REQUEST_ID),
    userAgent: source.metadata('user-agent'),
    askedReport: reportHeader && source.metadata(reportHeader),
    trace: propagation.read(source, metadataOf, traceBinOf),
  };
}

function metadataOf(source: MetadataSource, name: string): string | undefined {
  return source.metadata(name);
}

function traceBinOf(source: MetadataSource): Uint8Array | undefined {
  return source.binaryMetadata('grpc-trace-bin');
}
