/**
 * The priority that a caller gives its request: three classes, which decide when there is not time for all requests.
 * They are numbers, so that the request path only compares.
 */

/** Lower goes first. */
export const Priority = { critical: 0, default: 1, sheddable: 2 } as const;

export type PriorityName = keyof typeof Priority;
export type PriorityClass = (typeof Priority)[PriorityName];

/** Names by class. */
export const PRIORITY_NAMES: readonly PriorityName[] = ['critical', 'default', 'sheddable'];

/** The HTTP header and gRPC metadata key that carries one. */
export const PRIORITY_HEADER = 'x-pillion-priority';

/** A header's text → its class; undefined for any other text. Case and white space around it do not matter. */
export function parsePriority(text: string): PriorityClass | undefined {
  const name = text.trim().toLowerCase();
  const index = (PRIORITY_NAMES as readonly string[]).indexOf(name);
  return index === -1 ? undefined : (index as PriorityClass);
}
