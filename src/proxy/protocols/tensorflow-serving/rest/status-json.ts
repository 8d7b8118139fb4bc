/**
 * GetModelStatus' answer as TensorFlow Serving writes it: protobuf's JSON, 64-bit integers as strings, defaults
 * printed. And ours for all models: a list of those answers, each with the model's name.
 */
import { GrpcStatus } from '../../../../core/errors.ts';
import type { ModelStatus, VersionStatus } from '../../../handlers/model-info.ts';

const CODE_NAMES = new Map<number, string>(Object.entries(GrpcStatus).map(([name, code]) => [code, name]));

export function statusJson(statuses: readonly VersionStatus[]): string {
  return JSON.stringify(statusOf(statuses));
}

/** In the order of the configuration. */
export function modelsJson(models: readonly ModelStatus[]): string {
  return JSON.stringify({ models: models.map(({ name, versions }) => ({ name, ...statusOf(versions) })) });
}

function statusOf(statuses: readonly VersionStatus[]): object {
  return {
    model_version_status: statuses.map(({ version, state, error }) => ({
      version: version.toString(),
      state,
      status: {
        error_code: CODE_NAMES.get(error === undefined ? GrpcStatus.OK : error.row.grpc),
        error_message: error?.message ?? '',
      },
    })),
  };
}
