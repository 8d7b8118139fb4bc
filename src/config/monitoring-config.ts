/** tensorflow.serving.MonitoringConfig → where the REST port serves metrics. The admin port serves them in any case. */
import type { Message } from '@bufbuild/protobuf';
import type { Where } from './config-file.ts';

export const MONITORING_CONFIG = 'tensorflow.serving.MonitoringConfig';

/** TensorFlow Serving's, and ours when there is no file. */
export const DEFAULT_METRICS_PATH = '/monitoring/prometheus/metrics';

interface MonitoringMessage {
  readonly prometheusConfig?: { readonly enable: boolean; readonly path: string };
}

/** The path, or undefined for none: the file switches metrics on, as in TensorFlow Serving. */
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
