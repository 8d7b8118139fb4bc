/** Serves the models of Triton model repositories, and takes loads and unloads by request. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { OptionValues } from '../../config/read-options.ts';
import { ServingError } from '../../core/errors.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { VersionKind } from '../../models/loading/version-kind.ts';
import { replayerOf } from '../../proxy/records/prediction-log-replayer.ts';
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
  const options = optionsOf(config, TRITON_OPTIONS);
  if (options.model_repository.length > 0) serveRepositories(server, options);
  facts.get(EXTENSIONS)!.push(({ models, modelInfo, audit }) => {
    const onDisk = facts.get(REPOSITORY);
    const isExplicit = options.model_control_mode === 'explicit';
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

function serveRepositories(server: Installation, options: OptionValues<typeof TRITON_OPTIONS>): void {
  const { clock, config, facts, logger, models, source } = server;
  const { load_model, model_repository, model_control_mode, repository_poll_secs } = options;
  const roots = { model_roots: config.options.model_roots, model_repository };
  models.artifactOf = (model, directory) => artifactDirectory(model, directory, roots);
  models.ensembleOf = tritonEnsemble;
  models.kinds.push(UNTAKEN_ENSEMBLES);
  models.steps.push(...TRITON_STEPS, modelWarmUp(replayerOf(server)));
  source((manager) => {
    const repository = new ModelRepository({
      ...{ directories: model_repository, manager, clock },
      mode: model_control_mode as RepositoryMode,
      pollMs: repository_poll_secs * 1000,
      named: load_model.includes('*') ? config.models.map(({ name }) => name) : load_model,
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
