/**
 * Decides who may do what, by the authorization file (docs/how-to/authorization.md), whose policy may change while the
 * server runs. A server without that file has none of this.
 *
 *   headers ─▶ Visitor.identify ─▶ who ─┄ body, decode ┄─▶ permit(method, surface, model) ─▶ resolve
 *                  └ 401, before the body                       └ 403, the same for any model, be it there or not
 */
import type { AccessMethod, AccessSurface } from '../core/access-method.ts';
import type { Clock } from '../core/clock.ts';
import { ServingError } from '../core/errors.ts';
import type { AuditedRequest, AuditLog } from '../ledger/log/audit-log.ts';
import { clip } from '../ledger/tracing/span-attributes.ts';
import type { AccessPolicy } from './access-policy.ts';
import type { CertificateNames } from './certificate-names.ts';
import type { Principal } from './principal.ts';
import { Visitor } from './visitor.ts';

export class AccessControl {
  readonly clock: Clock;
  /** Replaced when the file changes. A request whose headers have arrived keeps the principal that it had then. */
  policy: AccessPolicy;

  readonly #audit: AuditLog;

  constructor(policy: AccessPolicy, clock: Clock, audit: AuditLog) {
    this.policy = policy;
    this.clock = clock;
    this.#audit = audit;
  }

  /** Makes the visitor of a connection whose verified client certificate has these names; undefined = it has none. */
  visitor(certificate: CertificateNames | undefined): Visitor {
    return new Visitor(this, certificate);
  }

  /** Writes a failed request into the audit log if it was refused. */
  noteFailure(record: AuditedRequest, error: ServingError): void {
    const { kind } = error;
    if (kind === 'unauthenticated' || kind === 'permission_denied') this.#audit.request(record, 'refused', error);
  }
}

/** Throws `permission_denied`, in words that are the same for any model, and for one that is not there. */
export function permit(
  principal: Principal | undefined,
  method: AccessMethod,
  surface: AccessSurface,
  model: string,
): void {
  if (principal?.may(method, surface, model) === true) return;
  const text = `no rule of this server allows this caller ${method} here; whoever runs the server can add one`;
  throw new ServingError('permission_denied', text, { attributes: { model: clip(model) } });
}
