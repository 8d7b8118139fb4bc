/** The audit log, as whoever makes a decision knows it. A feature writes it; without one nothing is written down. */
import type { ServingError } from '../../core/errors.ts';
import type { RequestRecord } from '../request-record.ts';

/** A decision that changes something or refuses somebody: who, what and whether; never a key, a token or a payload. */
export interface AuditEntry {
  readonly outcome: 'done' | 'failed' | 'refused';
  readonly surface: 'grpc' | 'rest' | 'admin';
  /** The method that was asked for: 'Predict', 'HandleReloadConfigRequest', 'unload'. */
  readonly method: string;
  /** The principal, or the caller as far as it is known. */
  readonly by: string;
  readonly peer: string;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  /** The name of a region of shared memory; of all regions `*`. */
  readonly region?: string | undefined;
  /** Why it was refused, or has failed. */
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** A request, and its caller as in proxy/caller.ts. */
export type AuditedRequest = RequestRecord & { readonly caller: string };

export interface AuditLog {
  /** `kind` of a refusal, of which there are few: lines are counted by it. */
  write(entry: AuditEntry, kind?: string): void;
  /** A request's refusal, or its outcome; `model`: as it was asked for. */
  request(record: AuditedRequest, outcome: AuditEntry['outcome'], error?: ServingError, model?: string): void;
}
