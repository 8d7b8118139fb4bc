/** A flight recorder with a ring of its own, which takes requests as the ledger would. */
import { FlightRecorder } from '../../../src/features/flight-recorder/flight-recorder.ts';
import { RequestRing } from '../../../src/ledger/recorder/request-ring.ts';
import type { KeepReason, RequestRecord } from '../../../src/ledger/request-record.ts';

/** Places of the ledger's ring. */
const PLACES = 512;
const MINUTES_BYTES = 16 * 2 ** 20;

export class TestRecorder extends FlightRecorder {
  readonly #ring: RequestRing;

  constructor({
    places = PLACES,
    minutesBytes = MINUTES_BYTES,
  }: { readonly places?: number; readonly minutesBytes?: number } = {}) {
    const ring = new RequestRing(places);
    super({ ring, settle: () => undefined }, { isOn: places > 0, minutesBytes });
    this.#ring = ring;
  }

  record(record: RequestRecord, kept: KeepReason | undefined): void {
    this.#ring.add(record, kept);
    if (this.#ring.places > 0) this.recordRequest(record, kept);
  }
}
