import type { AdminPath } from '../../admin/admin-path.ts';
import type { LookAtVersions } from '../../admin/explanation.ts';
import { explainNothing } from '../../admin/models-report.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import { Facts } from '../../core/collections/facts.ts';
import { StateFiles } from '../../files/state-files.ts';
import type { AuditLog } from '../../ledger/log/audit-log.ts';
import type { RootLogger } from '../../ledger/log/log.ts';
import type { ReportSource } from '../../ledger/report.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { AccessControl } from '../../proxy/access-control.ts';
import type { TrustedProxies } from '../../proxy/caller.ts';
import type { CallerLimits } from '../../proxy/caller-limits.ts';
import type { MetricsPageMaker } from '../../proxy/http1/local-replies.ts';
import { ReadinessGate } from '../../proxy/readiness.ts';
import type { CarriedDeadlines, ToldAs } from '../../proxy/request-lifecycle.ts';
import type { FeatureList } from '../feature.ts';
import type {
  AdminParts,
  EngineMaker,
  Environment,
  Front,
  FrontParts,
  Installation,
  MakePrelude,
  MetricsPageWrap,
  ServedParts,
  Service,
  SurfaceMaker,
} from '../installation.ts';
import { ModelSeams } from '../model-seams.ts';

/** Collects what features install, for the server that is assembled of it. Its functions may be taken out of it. */
export class Installer implements Installation {
  readonly config: ServeConfig;
  readonly environment: Environment;
  readonly clock = systemClock;
  readonly logger: RootLogger;
  readonly telemetry: AppTelemetry;
  readonly readiness = new ReadinessGate();
  readonly models: ModelSeams;
  readonly facts = new Facts();
  readonly stateFiles: StateFiles | undefined;
  readonly reports: ReportSource[] = [];
  readonly services: Service[] = [];
  readonly surfaces: SurfaceMaker[] = [];
  readonly sources: Parameters<Installation['source']>[0][] = [];
  makeFront: ((parts: FrontParts) => Front) | undefined;
  makeEngine: EngineMaker | undefined;
  makePrelude: MakePrelude | undefined;
  access: AccessControl | undefined;
  audit: AuditLog | undefined;
  callerLimits: CallerLimits | undefined;
  proxies: TrustedProxies | undefined;
  carried: CarriedDeadlines | undefined;
  toldAs: ToldAs | undefined;
  isOnSpareCores = false;
  #makeLook: (parts: ServedParts) => LookAtVersions = () => () => explainNothing;
  readonly #adminPaths: ((parts: AdminParts) => readonly AdminPath[])[] = [];
  readonly #pages: MetricsPageWrap[] = [];

  constructor(
    config: ServeConfig,
    environment: Environment,
    logger: RootLogger,
    telemetry: AppTelemetry,
    features: FeatureList,
  ) {
    this.config = config;
    this.environment = environment;
    this.models = new ModelSeams(features, this.onInternalError);
    this.logger = logger;
    this.telemetry = telemetry;
    const { state_dir: directory, min_free_disk_percent: minFreePercent } = config.options;
    if (directory !== '') this.stateFiles = new StateFiles({ directory, clock: systemClock, minFreePercent });
  }

  readonly controlAccess = (control: AccessControl): void => {
    this.access = control;
  };

  readonly limitCallers = (limits: CallerLimits): void => {
    this.callerLimits = limits;
  };

  readonly tellErrorsAs = (toldAs: ToldAs): void => {
    this.toldAs = toldAs;
  };

  readonly trustProxies = (proxies: TrustedProxies): void => {
    this.proxies = proxies;
  };

  readonly auditBy = (log: AuditLog): void => {
    this.audit = log;
  };

  readonly onInternalError = (error: unknown): void =>
    this.logger.error({ err: error }, 'a request met an internal error');

  readonly service = (service: Service): void => {
    this.services.push(service);
  };

  readonly source: Installation['source'] = (make) => {
    this.sources.push(make);
  };

  readonly surface = (make: SurfaceMaker): void => {
    this.surfaces.push(make);
  };

  readonly engine = (make: EngineMaker): void => {
    this.makeEngine = make;
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

  readonly metricsPage = (wrap: MetricsPageWrap): void => {
    this.#pages.push(wrap);
  };

  readonly adminPaths = (make: (parts: AdminParts) => readonly AdminPath[]): void => {
    this.#adminPaths.push(make);
  };

  readonly explain = (make: (parts: ServedParts) => LookAtVersions): void => {
    this.#makeLook = make;
  };

  readonly runOnSpareCores = (): void => {
    this.isOnSpareCores = true;
  };

  lookOf(parts: ServedParts): LookAtVersions {
    return this.#makeLook(parts);
  }

  adminPathsOf(parts: AdminParts): readonly AdminPath[] {
    return this.#adminPaths.flatMap((make) => make(parts));
  }

  /** The page of metrics on clients' ports; undefined = no feature makes one. */
  metricsPageMaker(): MetricsPageMaker | undefined {
    return this.#pages.reduce<MetricsPageMaker | undefined>((page, wrap) => wrap(page), undefined);
  }

  /** Lines for people: one for each thing that the services still wait for. */
  waitsFor(): readonly string[] {
    return this.services.flatMap((service) => service.waitsFor?.() ?? []);
  }

  /** Closes the services, the last one first. One that fails is told of, and keeps no other from closing. */
  async close(): Promise<void> {
    for (const service of [...this.services].reverse()) {
      try {
        await service.close?.();
      } catch (error) {
        this.logger.error({ err: error }, 'a service failed to close');
      }
    }
  }
}
