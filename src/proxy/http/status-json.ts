/**
 * GetModelStatus' answer as TensorFlow Serving writes it: protobuf's JSON, 64-bit integers as strings, defaults
 * printed.
 */
import { GrpcStatus } from '../../core/errors.ts';
import type { VersionStatus } from '../handlers/model-info.ts';

const CODE_NAMES = new Map<number, string>(Object.entries(GrpcStatus).map(([name, code]) => [code, name]));

export function statusJson(statuses: readonly VersionStatus[]): string {
  return JSON.stringify({
    model_version_status: statuses.map(({ version, state, error }) => ({
      version: version.toString(),
      state,
      status: {
        error_code: CODE_NAMES.get(error === undefined ? GrpcStatus.OK : error.row.grpc),
        error_message: error?.message ?? '',
      },
    })),
  });
}
