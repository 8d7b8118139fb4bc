/** Remembers requests: their pages, and the payloads that are captured for them. */

import type { RequestEntry } from '../../admin/request-entry.ts';
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { SteadyWall } from '../../ledger/steady-wall.ts';
import { ArrivalRing } from './arrival-ring.ts';
import { ArrivalsEndpoint } from './arrivals-endpoint.ts';
import { RecorderFile } from './file/recorder-file.ts';
import { RingFile } from './file/ring-file.ts';
import { FLIGHT_RECORDER, FlightRecorder } from './flight-recorder.ts';
import { HistoryEndpoint } from './history/history-endpoint.ts';
import { TrafficHistory } from './history/traffic-history.ts';
import type { KeptHour } from './kept-hour.ts';
import type { KeptSnapshot } from './kept-snapshot.ts';
import { FLIGHT_RECORDER_OPTIONS } from './options.ts';
import { PayloadCapture } from './payload-capture.ts';
import { RequestsEndpoint } from './requests-endpoint.ts';
import { type RequestsView, requestEntry } from './requests-report.ts';

/** Rejects if the file cannot be used. */
export async function installFlightRecorder(server: Installation): Promise<void> {
  const { clock, telemetry, models, config, facts } = server;
  const { flight_recorder_max_mib: mib } = optionsOf(config, FLIGHT_RECORDER_OPTIONS);
  const recorder = new FlightRecorder(telemetry, { isOn: mib > 0, minutesBytes: mib * 2 ** 20 });
  if (mib > 0) telemetry.follow(recorder);
  facts.set(FLIGHT_RECORDER, recorder);
  const payloads = payloadCapture(server);
  models.samplers.capture = payloads;
  const ring = new ArrivalRing(undefined, telemetry.settle);
  telemetry.follow(ring);
  const history = new TrafficHistory({ clock, settle: telemetry.settle });
  telemetry.follow(history);
  const traceUrl = telemetry.traceUrl.bind(telemetry);
  const view = { recorder, wall: new SteadyWall(clock), payloads: undefined, traceUrl };
  const past = recorder.hour && (await recorderFile(server, recorder.hour, history, view));
  server.service({
    start: () => {
      history.start();
      past?.start();
    },
    close: () => {
      history.close();
      return past?.close();
    },
  });
  server.adminPaths(() => [
    ...new RequestsEndpoint({ recorder, clock, payloads, traceUrl, past }).paths(),
    ...new HistoryEndpoint({ history, clock, past }).paths(),
    ...new ArrivalsEndpoint({ ring, clock }).paths(),
  ]);
}

/** Undefined without --flight_recorder_file. */
async function recorderFile(
  { config, clock, logger, telemetry }: Installation,
  hour: KeptHour,
  history: TrafficHistory,
  view: RequestsView,
): Promise<RecorderFile | undefined> {
  const { flight_recorder_file: path, flight_recorder_file_mib: mib } = optionsOf(config, FLIGHT_RECORDER_OPTIONS);
  if (path === '') return undefined;
  try {
    const file = await RingFile.open(path, mib * 2 ** 20);
    const entryOf = (request: KeptSnapshot): RequestEntry => requestEntry(request, view);
    const past = new RecorderFile({ file, clock, logger, hour, history, entryOf, settle: telemetry.settle });
    telemetry.metrics.gauges.observeCount(LOST_RECORDS, LOST_RECORDS_HELP, () => past.lost);
    return past;
  } catch (error) {
    throw new Error(`--flight_recorder_file: ${(error as Error).message}`, { cause: error });
  }
}

const LOST_RECORDS = 'pillion_flight_recorder_lost_records_total';
const LOST_RECORDS_HELP = 'Records that --flight_recorder_file did not take since the start, such as on a full disk.';

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
