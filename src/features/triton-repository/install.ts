/** Serves the models of Triton model repositories, and takes loads and unloads by request. */
import { optionsOf } from '../../config/options/feature-options.ts';
import { ServingError } from '../../core/errors.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { VersionKind } from '../../models/loading/version-kind.ts';
import { PredictionLogReplayer } from '../../proxy/records/prediction-log-replayer.ts';
import { EXTENSIONS } from '../open-inference/exported/extension.ts';
import { TRITON_OPTIONS } from './options.ts';
import { ConfiguredModels } from './repository/configured-models.ts';
import { grpcMethods } from './repository/grpc-methods.ts';
import { ModelRepository, REPOSITORY, type RepositoryMode } from './repository/model-repository.ts';
import { Repository } from './repository/repository.ts';
import { RepositoryHandler } from './repository/repository-handler.ts';
import { REPOSITORY_SCHEMAS, restLookups } from './repository/rest-lookups.ts';
import { artifactDirectory } from './serving/artifact-directory.ts';
import { TRITON_STEPS } from './serving/served-triton.ts';
import { tritonEnsemble } from './serving/triton-ensemble.ts';
import { modelWarmUp } from './serving/warm-up-requests.ts';

export function installTritonRepository(server: Installation): void {
  const { clock, config, facts } = server;
  const { model_repository, model_control_mode } = optionsOf(config, TRITON_OPTIONS);
  if (model_repository.length > 0) serveRepositories(server);
  facts.get(EXTENSIONS)!.push(({ models, modelInfo, audit }) => {
    const onDisk = facts.get(REPOSITORY);
    const isExplicit = model_control_mode === 'explicit';
    const loads = isExplicit ? new RepositoryHandler(onDisk ?? new ConfiguredModels(models, clock), audit) : undefined;
    const repository = new Repository(modelInfo, { loads, onDisk });
    return {
      names: ['model_repository'],
      grpc: grpcMethods(repository),
      rest: restLookups(repository),
      schemas: REPOSITORY_SCHEMAS,
      mainPaths: ['/v2/repository/index'],
    };
  });
}

function serveRepositories({ clock, config, facts, logger, models, source }: Installation): void {
  const { model_repository: directories, model_control_mode, repository_poll_secs } = optionsOf(config, TRITON_OPTIONS);
  models.artifactOf = (model, directory) =>
    artifactDirectory(model, directory, { ...config.options, model_repository: directories });
  models.ensembleOf = tritonEnsemble;
  models.kinds.push(UNTAKEN_ENSEMBLES);
  const { max_message_bytes: maxTensorBytes } = config.options;
  const replayer = new PredictionLogReplayer({ clock, maxTensorBytes, replays: models.replays });
  models.steps.push(...TRITON_STEPS, modelWarmUp(replayer));
  source((manager) => {
    const repository = new ModelRepository({
      ...{ directories, manager, clock },
      mode: model_control_mode as RepositoryMode,
      pollMs: repository_poll_secs * 1000,
      warned: config.warnings,
      defaults: config.modelDefaults,
      events: {
        onWarning: (text) => logger.warn({ event: 'config_warning' }, text),
        onFailed: (model, error) => logger.warn({ event: 'repository', model, err: error }, 'model of the repository'),
      },
    });
    facts.set(REPOSITORY, repository);
    return repository;
  });
}

/** Ensembles that no feature around this one has taken. */
const UNTAKEN_ENSEMBLES: VersionKind = {
  around: (load) => (model, version, directory, signal) => {
    if (tritonEnsemble(model) === undefined) return load(model, version, directory, signal);
    const text = 'ensemble_scheduling needs the feature ensembles, which this server is without';
    throw new ServingError('load_failed', `model "${model.name}": ${text}`);
  },
  isOf: (model) => Promise.resolve(tritonEnsemble(model) !== undefined),
};
