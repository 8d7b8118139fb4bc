/**
 * The seam of protocols: what a feature adds to the surfaces that clients send requests to. Each surface is made once, when
 * the server is assembled; together they become one table of methods for gRPC, and one of routes for REST, in which the
 * kernel's own routes are tried first.
 */
import { DEFAULT_METRICS_PATH } from '../../core/metrics-path.ts';
import type { AnswerReports } from '../answer-reports.ts';
import type { ExchangeContext } from '../exchange.ts';
import type { GrpcService } from '../grpc/engine.ts';
import { servingOperations } from '../protocols/tensorflow-serving/rest/operations.ts';
import { SERVING_SCHEMAS } from '../protocols/tensorflow-serving/rest/schemas.ts';
import type { PageMaker } from './page-server.ts';
import type { Described, RestPart } from './rest-part.ts';

export interface Surface {
  /** Reports on the answers of both surfaces. The first surface that has some makes them. */
  readonly reports?: AnswerReports | undefined;
  /** Pages of --probe_port, which asks nobody who they are, by path. */
  readonly probePages?: ReadonlyMap<string, PageMaker>;
  /** Its gRPC services. `all`: gives all services of the server, once it has been made. */
  grpc?(exchange: ExchangeContext, all: () => readonly GrpcService[]): readonly GrpcService[];
  /** Its routes of REST, if any. `described`: gives the methods of all parts of REST, once the server has been made. */
  rest?(described: () => readonly Described[]): RestPart | undefined;
}

/** The reports on answers of a server with these surfaces; undefined: it makes none. */
export function reportsOf(surfaces: readonly Surface[]): AnswerReports | undefined {
  return surfaces.find(({ reports }) => reports !== undefined)?.reports;
}

/** The parts of REST that these surfaces add. Each may describe all, the kernel's paths included. */
export function partsOf(surfaces: readonly Surface[], metricsPath = DEFAULT_METRICS_PATH): readonly RestPart[] {
  const described: Described[] = [{ operations: servingOperations(metricsPath), schemas: SERVING_SCHEMAS }];
  const parts = surfaces.flatMap((surface) => surface.rest?.(() => described) ?? []);
  described.push(...parts);
  return parts;
}
