/**
 * A server of chosen features. Nothing in src/ uses globals: two apps can live in one process, and tests make as many as
 * they like.
 *
 *   start   features install ▸ the server is assembled (server.ts) ▸ ports are bound ▸ models load ▸ ready
 */
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { createLogger, type LogLevel, type RootLogger } from '../../ledger/log/log.ts';
import { type AppTelemetry, createTelemetry } from '../../ledger/telemetry.ts';
import { VERSION } from '../../version.ts';
import type { FeatureList } from '../feature.ts';
import type { Environment } from '../installation.ts';
import type { Addresses, LocalPredict, Pillion } from './in-process.ts';
import { Installer } from './installer.ts';
import { Server } from './server.ts';

export interface App extends Pillion {
  readonly logger: RootLogger;
  /** True after a drain that left a run going in a thread, which would keep the process from its end. */
  readonly leavesRuns: boolean;
}

/** All that an app is made of. */
export interface AppOptions {
  readonly config: ServeConfig;
  /** The features whose options `config` was read with. */
  readonly features: FeatureList;
  /** The environment from which OpenTelemetry's variables are read. */
  readonly environment: Environment;
  /** Called when an operator ends the process with POST /quitquitquit. */
  readonly quit?: (() => void) | undefined;
}

export function createApp(options: AppOptions): App {
  return new InstallingApp(options);
}

class InstallingApp implements App {
  readonly logger: RootLogger;
  readonly #options: AppOptions;
  readonly #telemetry: AppTelemetry;
  #assembling: Promise<Server> | undefined;
  #server: Server | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: AppOptions) {
    this.#options = options;
    this.logger = createLogger({
      level: options.config.options.log_level as LogLevel,
      clock: systemClock,
      base: { service: 'pillion', version: VERSION },
    });
    this.#telemetry = createTelemetry({ clock: systemClock, logger: this.logger });
  }

  get leavesRuns(): boolean {
    return this.#server?.leavesRuns === true;
  }

  async start(): Promise<Addresses> {
    if (this.#ended !== undefined && this.#assembling === undefined)
      throw new ServingError('draining', 'the server was drained before its start; create another');
    this.#assembling ??= this.#assemble();
    this.#server = await this.#assembling;
    return this.#server.start();
  }

  async predict(request: LocalPredict): Promise<TensorMap> {
    if (this.#server === undefined)
      throw new ServingError('model_not_ready', 'the server has not been started; call start() and wait for it');
    return this.#server.predict(request);
  }

  reread(): void {
    this.#server?.reread();
  }

  drain(): Promise<void> {
    this.#ended ??= this.#drain();
    return this.#ended;
  }

  /** Rejects if a feature cannot install; those before it are closed then. */
  async #assemble(): Promise<Server> {
    const { config, features, environment, quit } = this.#options;
    const installed = new Installer(config, environment, this.logger, this.#telemetry, features);
    try {
      for (const feature of features.features) await feature.install?.(installed);
      return new Server({ config, logger: this.logger, telemetry: this.#telemetry, installed, quit });
    } catch (error) {
      await installed.close();
      await this.#telemetry.close();
      throw error;
    }
  }

  async #drain(): Promise<void> {
    if (this.#assembling === undefined) return void (await this.#telemetry.close());
    // A server that could not be assembled has closed all by itself, and start() says why.
    const server = await this.#assembling.catch(() => undefined);
    await server?.drain();
  }
}
