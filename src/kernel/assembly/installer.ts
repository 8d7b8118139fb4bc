import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import { ReadinessGate } from '../../proxy/readiness.ts';
import type { CarriedDeadlines } from '../../proxy/request-lifecycle.ts';
import type { RootLogger } from '../../telemetry/log/log.ts';
import type { AppTelemetry } from '../../telemetry/telemetry.ts';
import type {
  Front,
  FrontParts,
  Installation,
  MakePrelude,
  MetricsPageMaker,
  Service,
  SurfaceMaker,
} from '../installation.ts';
import { ModelSeams } from '../model-seams.ts';

/** Collects what features install, for the server that is assembled of it. Its functions may be taken out of it. */
export class Installer implements Installation {
  readonly config: ServeConfig;
  readonly clock = systemClock;
  readonly logger: RootLogger;
  readonly telemetry: AppTelemetry;
  readonly readiness = new ReadinessGate();
  readonly models = new ModelSeams();
  readonly services: Service[] = [];
  readonly surfaces: SurfaceMaker[] = [];
  makeFront: ((parts: FrontParts) => Front) | undefined;
  makePrelude: MakePrelude | undefined;
  carried: CarriedDeadlines | undefined;
  isOnSpareCores = false;
  readonly #pages: ((own: MetricsPageMaker) => MetricsPageMaker)[] = [];

  constructor(config: ServeConfig, logger: RootLogger, telemetry: AppTelemetry) {
    this.config = config;
    this.logger = logger;
    this.telemetry = telemetry;
  }

  readonly service = (service: Service): void => {
    this.services.push(service);
  };

  readonly surface = (make: SurfaceMaker): void => {
    this.surfaces.push(make);
  };

  readonly front = (make: (parts: FrontParts) => Front): void => {
    this.makeFront = make;
  };

  readonly prelude = (make: MakePrelude): void => {
    this.makePrelude = make;
  };

  readonly carriedDeadlines = (deadlines: CarriedDeadlines): void => {
    this.carried = deadlines;
  };

  readonly metricsPage = (wrap: (own: MetricsPageMaker) => MetricsPageMaker): void => {
    this.#pages.push(wrap);
  };

  readonly runOnSpareCores = (): void => {
    this.isOnSpareCores = true;
  };

  /** The page of metrics with what was installed around it. */
  pageOf(own: MetricsPageMaker): MetricsPageMaker {
    return this.#pages.reduce((page, wrap) => wrap(page), own);
  }

  /** Closes the services, the last one first. */
  async close(): Promise<void> {
    for (const service of [...this.services].reverse()) await service.close?.();
  }
}
