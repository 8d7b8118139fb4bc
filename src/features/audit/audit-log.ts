/**
 * The audit log: one line for each decision that changes something or refuses somebody. It says who, what and whether;
 * never a key, a token or a payload. A request that is allowed and changes nothing, such as a Predict, has no line.
 *
 * Lines have `audit: true`. They go into the server's log, or into a file of their own (audit-file.ts). Callers choose
 * how often they are refused: of each kind of refusal at most LINES_PER_SECOND lines are written, and the number of the
 * rest. Changes are not limited.
 */
import type { Clock } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import { clip } from '../../ledger/caller-text.ts';
import type { AuditEntry, AuditedRequest, AuditLog } from '../../ledger/log/audit-log.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { LogFields, Logger } from '../../ledger/log/log.ts';

export const AUDIT_LINES_PER_SECOND = 10;

export class AuditLines implements AuditLog {
  readonly #logger: Logger;
  readonly #limiter: LineLimiter;

  /** `logger`: a child of the server's, or that of a file. */
  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 1000,
      linesPerWindow: AUDIT_LINES_PER_SECOND,
      onSuppressed: (kind, lines) =>
        logger.warn({ audit: true, outcome: 'refused', kind, lines }, 'more was refused alike; its lines are left out'),
    });
  }

  write(entry: AuditEntry, kind = 'admin'): void {
    const { outcome, method } = entry;
    if (outcome === 'refused' && !this.#limiter.allow(kind)) return;
    const fields = fieldsOf(entry);
    if (outcome === 'done') this.#logger.info(fields, `${method}: done`);
    else this.#logger.warn(fields, `${method}: ${outcome}`);
  }

  request(record: AuditedRequest, outcome: AuditEntry['outcome'], error?: ServingError, model?: string): void {
    const { surface, method, caller, peer, id, trace } = record;
    const { model: refused, reason } = error?.attributes ?? {};
    const why = error === undefined ? undefined : reason === undefined ? error.kind : `${error.kind}: ${reason}`;
    const ids = { requestId: id, traceId: trace?.traceId };
    const asked = model ?? (typeof refused === 'string' ? refused : undefined);
    this.write({ outcome, surface, method, by: caller, peer, model: asked, reason: why, ...ids }, error?.kind);
  }

  /** Reports the lines left out so far. */
  close(): void {
    this.#limiter.close();
  }
}

function fieldsOf({ requestId, traceId, ...entry }: AuditEntry): LogFields {
  const facts = Object.entries({ ...entry, request_id: requestId, trace_id: traceId });
  const given = facts.filter(([, value]) => value !== undefined && value !== '');
  return { audit: true, ...Object.fromEntries(given.map(([name, value]) => [name, clip(value!)])) };
}
