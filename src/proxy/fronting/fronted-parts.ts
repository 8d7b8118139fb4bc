import type { Clock } from '../../core/clock.ts';
import type { Callers } from '../caller.ts';
import type { AppSlots } from './app/app-slots.ts';
import type { FrontedDeadlines } from './fronted-deadlines.ts';
import type { HeaderParts } from './heads/sent-request.ts';
import type { HeldPlaces } from './held-places.ts';
import type { OpenFronted } from './open-fronted.ts';
import type { FrontedTelemetry } from './telemetry/fronted-telemetry.ts';
import type { Unbelieved } from './telemetry/unbelieved.ts';
import type { UntakenAnswers } from './untaken-answers.ts';

/** Shared by the requests of one server. */
export interface FrontedParts extends HeaderParts {
  readonly clock: Clock;
  readonly telemetry: FrontedTelemetry;
  /** The deadlines of the open requests: the application's own Predicts for them take these over. */
  readonly deadlines: FrontedDeadlines;
  /** Absent: the application has any number of requests at a time. */
  readonly slots?: AppSlots | undefined;
  /** The pace of those that have a slot. Absent: they may be as slow as they like. */
  readonly places?: HeldPlaces | undefined;
  readonly callers: Callers;
  /** Absent: nobody is told of peers that are not trusted. */
  readonly unbelieved?: Unbelieved;
  /** Absent: nothing bounds them. */
  readonly untaken?: UntakenAnswers | undefined;
  readonly connectMs?: number;
  readonly underWay: OpenFronted;
}
