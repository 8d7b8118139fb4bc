/** The pages of what telemetry remembers. */
import type { Installation } from '../../kernel/installation.ts';
import { ArrivalRing } from './arrival-ring.ts';
import { ArrivalsEndpoint } from './arrivals-endpoint.ts';
import { RequestsEndpoint } from './requests-endpoint.ts';

export function installFlightRecorder(server: Installation): void {
  const { clock, telemetry } = server;
  const ring = new ArrivalRing(undefined, telemetry.settle);
  telemetry.follow(ring);
  server.adminPaths(({ records: { payloads } }) => [
    ...new RequestsEndpoint({ recorder: telemetry.flights, clock, payloads }).paths(),
    ...new ArrivalsEndpoint({ ring, clock }).paths(),
  ]);
}
