/** Decides who may do what, by the authorization file, whose policy may change while the server runs. */
import type { Clock } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { AuditedRequest, AuditLog } from '../../ledger/log/audit-log.ts';
import type { AccessControl, Visitor } from '../../proxy/access-control.ts';
import type { CertificateNames } from '../../proxy/peer-identity.ts';
import type { AccessPolicy } from './access-policy.ts';
import { FileVisitor } from './visitor.ts';

export class FileAccessControl implements AccessControl {
  readonly clock: Clock;
  /** Replaced when the file changes. A request whose headers have arrived keeps the principal that it had then. */
  policy: AccessPolicy;
  readonly #audit: AuditLog | undefined;

  constructor(policy: AccessPolicy, clock: Clock, audit: AuditLog | undefined) {
    this.policy = policy;
    this.clock = clock;
    this.#audit = audit;
  }

  visitor(certificate: CertificateNames | undefined): Visitor {
    return new FileVisitor(this, certificate);
  }

  /** Writes a failed request into the audit log if it was refused. */
  noteFailure(record: AuditedRequest, error: ServingError): void {
    const { kind } = error;
    if (kind === 'unauthenticated' || kind === 'permission_denied') this.#audit?.request(record, 'refused', error);
  }
}
