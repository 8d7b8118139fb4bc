/**
 * How much a request matters beside others when there is not time for all: three classes, the caller's own word.
 * Numbers, so that the request path compares and never looks up.
 */

/** Lower goes first. */
export const Priority = { critical: 0, default: 1, sheddable: 2 } as const;

export type PriorityName = keyof typeof Priority;
export type PriorityClass = (typeof Priority)[PriorityName];

/** By class. */
export const PRIORITY_NAMES: readonly PriorityName[] = ['critical', 'default', 'sheddable'];

/** The HTTP header and gRPC metadata key that carries one. */
export const PRIORITY_HEADER = 'x-pillion-priority';

/** A header's text → class; undefined if it is none of them. Case and white space around it do not matter. */
export function parsePriority(text: string): PriorityClass | undefined {
  const name = text.trim().toLowerCase();
  const index = (PRIORITY_NAMES as readonly string[]).indexOf(name);
  return index === -1 ? undefined : (index as PriorityClass);
}
