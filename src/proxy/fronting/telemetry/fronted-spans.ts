/**
 * Makes the spans of a request that went to the application, by OpenTelemetry's conventions for HTTP and for gRPC:
 *
 *   caller's span                                    caller's span
 *     └─ GET      SERVER  from the head to the end     └─ shop.Orders/Get      SERVER
 *          └─ GET CLIENT  from when it was sent on          └─ shop.Orders/Get CLIENT
 *
 * The application's own span is a child of the CLIENT span, which there is not of a request that was not sent on. Neither
 * the query nor any other header is told.
 */
import type { Clock } from '../../../core/clock.ts';
import { SteadyWall } from '../../../ledger/steady-wall.ts';
import type { SpanOutput } from '../../../ledger/tracing/span-output.ts';
import type { FrontedRecord } from './fronted-record.ts';
import { HTTP_FORM } from './http-span.ts';
import { RPC_FORM } from './rpc-span.ts';
import type { SpanForm } from './span-form.ts';

export class FrontedSpans {
  readonly #wall: SteadyWall;

  constructor(clock: Clock) {
    this.#wall = new SteadyWall(clock);
  }

  /** Makes none of a request that is not sampled. */
  make(record: FrontedRecord, output: SpanOutput): void {
    const { trace, sentTrace } = record;
    if (trace?.isSampled !== true) return;
    const form: SpanForm = record.rpcMethod === undefined ? HTTP_FORM : RPC_FORM;
    output.startAt(this.#wall.atZero());
    const name = form.nameOf(record);
    output.begin(trace, 'server', name, record.receivedAt, record.endedAt);
    form.setServer(output, record);
    output.end();
    if (sentTrace === undefined || record.sends === 0) return;
    output.begin(sentTrace, 'client', name, record.sentAt, record.endedAt);
    form.setClient(output, record);
    output.end();
  }
}
