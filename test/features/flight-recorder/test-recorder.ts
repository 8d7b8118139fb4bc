/** A flight recorder with a ring of its own, which takes requests as the ledger would. */
import { FlightRecorder } from '../../../src/features/flight-recorder/flight-recorder.ts';
import type { TrafficHistory } from '../../../src/features/flight-recorder/history/traffic-history.ts';
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
    if (this.#ring.places === 0) return;
    const place = this.#ring.placeBack(1);
    this.recordColumns(record, this.#ring, place, place + 1);
  }
}

/** Gives a follower one request as the ledger would: in columns, then by itself. */
export function tell(follower: TrafficHistory, record: RequestRecord): void {
  const ring = new RequestRing(1);
  ring.add(record, undefined);
  follower.recordColumns(record, ring, 0, 1);
  follower.recordRequest(record);
}
