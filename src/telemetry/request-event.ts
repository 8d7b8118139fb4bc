/**
 * What happened to a request that is no stage: a name and when. They become events of its server span.
 */
import type { Instant } from '../core/clock.ts';

export type EventAttributes = Readonly<Record<string, string | number | boolean>>;

/** All names that there are; docs/semantic-conventions.md explains each. */
export type EventName =
  | 'inference.refuse'
  | 'inference.early_drop'
  | 'inference.expire'
  | 'inference.cancel'
  | 'inference.retry'
  | 'inference.breaker'
  | 'inference.alternate'
  | 'inference.isolate';

export interface RequestEvent {
  readonly name: EventName;
  readonly at: Instant;
  readonly attributes?: EventAttributes | undefined;
}
