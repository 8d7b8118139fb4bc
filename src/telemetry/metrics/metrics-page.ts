/** The page of metrics, as every port serves it. */

/** What a scrape gets, on whichever port. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** What is asked for. */
export interface MetricsPageOptions {
  /** `Accept` of the request. */
  readonly accept?: string | undefined;
  /** Under TensorFlow Serving's names too. Default false. */
  readonly withTfServing?: boolean;
}

/** Where TensorFlow Serving's users scrape. */
export const METRICS_PATH = '/monitoring/prometheus/metrics';
