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
import type { RpcAttributes } from '../../../ledger/tracing/rpc-attributes.ts';
import type { SpanOutput } from '../../../ledger/tracing/span-output.ts';
import type { FrontedRecord } from './fronted-record.ts';
import { HTTP_FORM } from './http-span.ts';
import { RpcForm } from './rpc-span.ts';
import type { SpanForm } from './span-form.ts';

export class FrontedSpans {
  readonly #wall: SteadyWall;
  readonly #rpc: SpanForm;

  constructor(clock: Clock, rpc: RpcAttributes) {
    this.#wall = new SteadyWall(clock);
    this.#rpc = new RpcForm(rpc);
  }

  /** Makes none of a request that is not sampled. */
  make(record: FrontedRecord, output: SpanOutput): void {
    const { trace, sentTrace } = record;
    if (trace?.isSampled !== true) return;
    const form = record.rpcMethod === undefined ? HTTP_FORM : this.#rpc;
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
