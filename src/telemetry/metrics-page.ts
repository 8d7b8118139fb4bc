/** The page of metrics, as every port serves it. */

/** What a scrape gets, on whichever port. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** Where TensorFlow Serving's users scrape. */
export const METRICS_PATH = '/monitoring/prometheus/metrics';
