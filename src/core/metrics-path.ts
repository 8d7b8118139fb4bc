/** The path of the metrics on the REST port where no file names another: TensorFlow Serving's users scrape it. */
export const DEFAULT_METRICS_PATH = '/monitoring/prometheus/metrics';
