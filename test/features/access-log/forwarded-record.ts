import type { ForwardedRecord } from '../../../src/ledger/forwarded-record.ts';

const ARRIVAL: ForwardedRecord['arrival'] = {
  peer: '192.0.2.7:1234',
  method: 'GET',
  protocol: '1.1',
  userAgent: 'curl/8',
};

/** A request that was passed on: received at 100 ms, its answer's head came at 110, over at 150; 5 bytes came, 7 went. */
export function forwardedRecord(
  facts: Partial<ForwardedRecord>,
  arrival: Partial<ForwardedRecord['arrival']> = {},
): ForwardedRecord {
  return {
    ...{ id: 'mine', trace: undefined, arrival: { ...ARRIVAL, ...arrival }, route: 'http', path: '/cart' },
    ...{ status: 200, grpcStatus: undefined, outcome: 'ok', requestBytes: 5, responseBytes: 7 },
    ...{ receivedAt: 100, headAt: 110, endedAt: 150 },
    ...facts,
  };
}
