/** The terms of TensorFlow Serving's metrics, which several features print under its names. */
import { exponentialBounds } from './buckets.ts';

/** The names begin so. */
export const TF_SERVING = ':tensorflow:serving:';
/** Upper bounds of the histograms of latencies, in µs. */
export const TF_SERVING_LATENCY_BOUNDS: readonly number[] = exponentialBounds(10, 1.8, 33);
/** Times are in µs there. */
export const MICROS_PER_MS = 1000;
