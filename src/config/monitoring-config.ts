/** tensorflow.serving.MonitoringConfig → the path of the metrics on the REST port. The admin port always has them. */
import type { Message } from '@bufbuild/protobuf';
import { DEFAULT_METRICS_PATH } from '../core/metrics-path.ts';
import type { Where } from './config-file.ts';

export const MONITORING_CONFIG = 'tensorflow.serving.MonitoringConfig';

interface MonitoringMessage {
  readonly prometheusConfig?: { readonly enable: boolean; readonly path: string };
}

/** Undefined = no metrics on the REST port: as in TensorFlow Serving, the file must enable them. */
export function metricsPathOf(message: Message, where: Where, errors: string[]): string | undefined {
  const { prometheusConfig } = message as unknown as MonitoringMessage;
  if (prometheusConfig?.enable !== true) return undefined;
  const path = prometheusConfig.path === '' ? DEFAULT_METRICS_PATH : prometheusConfig.path;
  if (!/^\/[^\s?#]*$/.test(path) || /^\/v[12]($|\/)/i.test(path)) {
    errors.push(
      `${where('prometheus_config.path')}: path wants an absolute path outside /v1 and /v2, such as ${DEFAULT_METRICS_PATH}, not "${path}"`,
    );
  }
  return path;
}
