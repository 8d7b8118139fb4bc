/**
 * Access control, as the path of a request knows it: who sends a request, and what they may do. A server has at most one,
 * which a feature brings; without it everybody may do everything, and none of this is on the path.
 *
 *   headers ─▶ Visitor.identify ─▶ who ─┄ body, decode ┄─▶ permit(method, surface, model) ─▶ resolve
 *                  └ 401, before the body                       └ 403, the same for any model, be it there or not
 */
import type { AccessMethod, AccessSurface } from '../core/access-method.ts';
import { ServingError } from '../core/errors.ts';
import { clip } from '../ledger/caller-text.ts';
import type { AuditedRequest } from '../ledger/log/audit-log.ts';
import type { CertificateNames } from './peer-identity.ts';
import type { SentToken } from './sent-token.ts';

/** Somebody whom the access control knows. */
export interface Principal {
  /** The caller's name, as caller.ts describes it. */
  readonly caller: string;
  /** `model` is the name in the request. */
  may(method: AccessMethod, surface: AccessSurface, model: string): boolean;
}

/** The sender of a request, or the error that says why it is unknown. */
export type Identity = Principal | ServingError;

/** Finds out who sends the requests of one connection. */
export interface Visitor {
  /** A promise never rejects. */
  identify(token: SentToken): Identity | Promise<Identity>;
}

export interface AccessControl {
  /** Makes the visitor of a connection whose verified client certificate has these names; undefined = it has none. */
  visitor(certificate: CertificateNames | undefined): Visitor;
  /** Called with every request that fails, whatever the reason. */
  noteFailure(record: AuditedRequest, error: ServingError): void;
}

export function isPrincipal(identity: Identity | Promise<Identity>): identity is Principal {
  return 'may' in identity;
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
