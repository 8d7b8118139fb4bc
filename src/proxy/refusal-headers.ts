/**
 * Headers of a refusal for the proxies between the caller and this server, on every surface:
 *
 *   x-envoy-overloaded    the server has too much to do: Envoy does not send the request again, which would add to it
 *   x-envoy-ratelimited   the caller is over its own limits: Envoy sends it again only by a policy `envoy-ratelimited`
 *   retry-after           whole seconds: Envoy's rate_limited_retry_back_off, Linkerd
 *
 * A server that drains or has yet to load its model sets no mark: another one has room.
 */
import type { ServingError } from '../core/errors.ts';

export type EnvoyMark = 'x-envoy-overloaded' | 'x-envoy-ratelimited';

/** Reasons (ServingError.attributes) of refusals that are about one caller. */
const OF_ONE_CALLER: ReadonlySet<unknown> = new Set(['caller_limit', 'caller_budget', 'caller_core_share']);

/** The header that says `true`; undefined for an error that is no refusal. */
export function envoyMark({ kind, attributes }: ServingError): EnvoyMark | undefined {
  if (kind !== 'overloaded') return undefined;
  return OF_ONE_CALLER.has(attributes?.['reason']) ? 'x-envoy-ratelimited' : 'x-envoy-overloaded';
}

/** Whole seconds, rounded up, at least one. */
export function retryAfterSeconds(retryAfterMs: number): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
}
