/**
 * The seam of protocols: what a feature adds to the surfaces that clients send requests to. Each surface is made once, when
 * the server is assembled; together they become one table of methods for gRPC.
 */
import type { AnswerReports } from '../answer-reports.ts';
import type { ExchangeContext } from '../exchange.ts';
import type { GrpcService } from '../grpc/engine.ts';

export interface Surface {
  /** Reports on the answers of both surfaces. The first surface that has some makes them. */
  readonly reports?: AnswerReports | undefined;
  /** Its gRPC services. `names`: gives the names of all services of the server, once it has been made. */
  grpc?(exchange: ExchangeContext, names: () => readonly string[]): readonly GrpcService[];
}

/** The reports on answers of a server with these surfaces; undefined: it makes none. */
export function reportsOf(surfaces: readonly Surface[]): AnswerReports | undefined {
  return surfaces.find(({ reports }) => reports !== undefined)?.reports;
}
