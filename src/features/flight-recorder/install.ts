/** Remembers requests: their pages, and the payloads that are captured for them. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { ArrivalRing } from './arrival-ring.ts';
import { ArrivalsEndpoint } from './arrivals-endpoint.ts';
import { FLIGHT_RECORDER, FlightRecorder } from './flight-recorder.ts';
import { FLIGHT_RECORDER_OPTIONS } from './options.ts';
import { PayloadCapture } from './payload-capture.ts';
import { RequestsEndpoint } from './requests-endpoint.ts';

export function installFlightRecorder(server: Installation): void {
  const { clock, telemetry, models, config, facts } = server;
  const { flight_recorder_max_mib: mib } = optionsOf(config, FLIGHT_RECORDER_OPTIONS);
  const recorder = new FlightRecorder(telemetry, { isOn: mib > 0, minutesBytes: mib * 2 ** 20 });
  if (mib > 0) telemetry.listen(recorder);
  facts.set(FLIGHT_RECORDER, recorder);
  const payloads = payloadCapture(server);
  models.samplers.capture = payloads;
  const ring = new ArrivalRing(undefined, telemetry.settle);
  telemetry.follow(ring);
  server.adminPaths(() => [
    ...new RequestsEndpoint({ recorder, clock, payloads, traceUrl: telemetry.traceUrl.bind(telemetry) }).paths(),
    ...new ArrivalsEndpoint({ ring, clock }).paths(),
  ]);
}

/** Undefined if payloads are not captured. */
function payloadCapture({ config, clock, onInternalError }: Installation): PayloadCapture | undefined {
  const {
    capture_payloads: mode,
    capture_inputs: inputs,
    capture_max_mib: maxMib,
  } = optionsOf(config, FLIGHT_RECORDER_OPTIONS);
  if (mode !== 'failed' && mode !== 'all') return undefined;
  return new PayloadCapture({ mode, inputs, maxBytes: maxMib * 2 ** 20, clock, onInternalError });
}
