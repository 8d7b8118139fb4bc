/** The panels of the dashboard, row by row. Metrics: src/ledger/metrics/metrics.ts. */
import { heatmap, stat, timeSeries } from './panels.mjs';

/** Every query is about the chosen sidecars, and about the chosen models where its metric has them. */
const SIDECARS = 'job=~"$job",instance=~"$instance"';
const MODELS = `${SIDECARS},model=~"$model"`;

const rate = (metric, labels = MODELS) => `rate(${metric}{${labels}}[$__rate_interval])`;
const quantile = (q, metric, by, labels = MODELS) =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${metric}_bucket`, labels)}))`;
const mean = (metric, by) => `sum by (${by}) (${rate(`${metric}_sum`)}) / sum by (${by}) (${rate(`${metric}_count`)})`;

const REQUESTS = 'pillion_request_duration_seconds';
const STAGES = 'pillion_stage_duration_seconds';
const APP = 'pillion_app_request_duration_seconds';
const APP_HEADS = 'pillion_app_head_duration_seconds';
const OVER_SIDECARS = `${SIDECARS},model=~"$model|"`;

export const ROWS = [
  {
    title: 'Now',
    height: 4,
    panels: [
      stat('Requests', 'reqps', `sum(${rate(`${REQUESTS}_count`, OVER_SIDECARS)})`),
      stat(
        'Not answered well',
        'percentunit',
        `sum(${rate(`${REQUESTS}_count`, `${OVER_SIDECARS},outcome!="ok"`)}) / sum(${rate(`${REQUESTS}_count`, OVER_SIDECARS)})`,
      ),
      stat('p99', 's', quantile(0.99, REQUESTS, '')),
      stat('In flight', 'short', `sum(pillion_requests_in_flight{${SIDECARS}})`),
      stat('Rows that wait', 'short', `sum(pillion_queue_rows{${MODELS}})`),
      stat(
        'Rows a batch',
        'short',
        `sum(${rate('pillion_batch_size_sum')}) / sum(${rate('pillion_batch_size_count')})`,
      ),
    ],
  },
  {
    title: 'Requests',
    panels: [
      timeSeries('Requests by model', 'reqps', { '{{model}}': `sum by (model) (${rate(`${REQUESTS}_count`)})` }),
      timeSeries(
        'Latency by model',
        's',
        { 'p50 {{model}}': quantile(0.5, REQUESTS, 'model'), 'p99 {{model}}': quantile(0.99, REQUESTS, 'model') },
        { hasExemplars: true, description: 'A dot is a request with its trace.' },
      ),
      timeSeries('Not answered well, by kind', 'reqps', {
        '{{kind}}': `sum by (kind) (${rate('pillion_refusals_total', SIDECARS)})`,
      }),
    ],
  },
  {
    title: 'Where a request’s time goes',
    panels: [
      timeSeries(
        'Mean time by stage',
        's',
        { '{{stage}}': `sum by (stage) (${rate(`${STAGES}_sum`)}) / scalar(sum(${rate(`${REQUESTS}_count`)}))` },
        { isStacked: true, description: 'The stages add up to the mean latency.' },
      ),
      timeSeries('p99 by stage', 's', { '{{stage}}': quantile(0.99, STAGES, 'stage') }, { hasExemplars: true }),
      heatmap('Latency', 's', `sum by (le) (increase(${REQUESTS}_bucket{${MODELS}}[$__rate_interval]))`),
    ],
  },
  {
    title: 'Batches and queues',
    panels: [
      heatmap(
        'Rows a batch',
        'short',
        `sum by (le) (increase(pillion_batch_size_bucket{${MODELS}}[$__rate_interval]))`,
      ),
      timeSeries('Rows a batch, mean', 'short', { '{{model}}': mean('pillion_batch_size', 'model') }),
      timeSeries('Batches by reason', 'ops', { '{{reason}}': `sum by (reason) (${rate('pillion_batches_total')})` }),
      timeSeries(
        'Padding in batches',
        'percentunit',
        {
          '{{model}}: rows': `sum by (model) (${rate('pillion_batch_padding_rows_total')}) / (sum by (model) (${rate('pillion_batch_padding_rows_total')}) + sum by (model) (${rate('pillion_batch_size_sum')}))`,
          '{{model}}: elements, where lengths differ': `sum by (model) (${rate('pillion_batch_padding_elements_total')}) / (sum by (model) (${rate('pillion_batch_padding_elements_total')}) + sum by (model) (${rate('pillion_batch_elements_total')}))`,
        },
        { max: 1 },
      ),
    ],
  },
  {
    title: 'Scheduling',
    panels: [
      timeSeries('Rows that wait', 'short', { '{{model}}': `sum by (model) (pillion_queue_rows{${MODELS}})` }),
      timeSeries('Batches that run', 'short', { '{{model}}': `sum by (model) (pillion_running_batches{${MODELS}})` }),
      timeSeries('Refused by the scheduler', 'reqps', {
        '{{reason}}': `sum by (reason) (${rate('pillion_scheduler_refusals_total')})`,
      }),
      timeSeries('Run of the runtime', 's', {
        'p50 {{model}}': quantile(0.5, 'pillion_run_duration_seconds', 'model'),
        'p99 {{model}}': quantile(0.99, 'pillion_run_duration_seconds', 'model'),
        'p99 error of prediction': quantile(0.99, 'pillion_run_prediction_error_seconds', ''),
      }),
    ],
  },
  {
    title: 'Shadows',
    panels: [
      timeSeries('Sampled batches', 'ops', {
        '{{model}} {{runtime}} {{outcome}}': `sum by (model, runtime, outcome) (${rate('pillion_shadow_batches_total')})`,
      }),
      timeSeries('Run of the shadow, × the model’s', 'short', {
        'p50 {{model}} {{runtime}}': quantile(0.5, 'pillion_shadow_latency_ratio', 'model, runtime'),
      }),
      timeSeries('Largest difference of a batch', 'short', {
        'p99 {{model}} {{output}}': quantile(0.99, 'pillion_shadow_absolute_difference', 'model, output'),
      }),
      timeSeries('Elements that differ', 'short', {
        '{{model}} {{output}}': `sum by (model, output) (${rate('pillion_shadow_mismatches_total')})`,
      }),
    ],
  },
  {
    title: 'The application',
    panels: [
      timeSeries('Requests by status', 'reqps', {
        '{{route}} {{status}} {{grpc_status}}': `sum by (route, status, grpc_status) (${rate('pillion_app_requests_total', SIDECARS)})`,
      }),
      timeSeries(
        'Time of requests',
        's',
        {
          'p50 {{route}}': quantile(0.5, APP, 'route', SIDECARS),
          'p99 {{route}}': quantile(0.99, APP, 'route', SIDECARS),
          'p99 to the head {{route}}': quantile(0.99, APP_HEADS, 'route', SIDECARS),
        },
        { hasExemplars: true, description: 'Streams of events and tunnels last as long as somebody listens.' },
      ),
      timeSeries('Not answered well by it', 'reqps', {
        '{{outcome}}': `sum by (outcome) (${rate('pillion_app_requests_total', `${SIDECARS},outcome!~"ok|upgraded"`)})`,
      }),
      timeSeries('In flight and connections', 'short', {
        '{{instance}} in flight': `sum by (instance) (pillion_app_requests_in_flight{${SIDECARS}})`,
        '{{instance}} connections': `sum by (instance) (pillion_app_connections{${SIDECARS}})`,
        '{{instance}} not made, a second': `sum by (instance) (${rate('pillion_app_connects_total', `${SIDECARS},outcome="failed"`)})`,
      }),
    ],
  },
  {
    title: 'The process',
    panels: [
      timeSeries('Cores', 'short', {
        '{{instance}} used': `sum by (instance) (${rate('process_cpu_seconds_total', SIDECARS)})`,
        '{{instance}} budget': `sum by (instance) (pillion_cpu_budget_cores{${SIDECARS}})`,
      }),
      timeSeries('Memory', 'bytes', {
        '{{instance}} process': `process_resident_memory_bytes{${SIDECARS}}`,
        '{{model}} own processes': `sum by (model) (pillion_host_resident_bytes{${MODELS}})`,
        'group {{process_group}} processes': `sum by (process_group) (pillion_process_group_resident_bytes{${SIDECARS}})`,
        '{{model}} {{part}}': `sum by (model, part) (pillion_model_memory_bytes{${MODELS}})`,
      }),
      timeSeries('Event loop delay and collector', 's', {
        '{{instance}} delay p99': `nodejs_eventloop_lag_p99_seconds{${SIDECARS}}`,
        '{{instance}} collector, s a second': `sum by (instance) (${rate('nodejs_gc_duration_seconds_sum', SIDECARS)})`,
      }),
      timeSeries('Workers replaced', 'short', {
        '{{model}} {{reason}}': `sum by (model, reason) (increase(pillion_host_restarts_total{${MODELS}}[$__rate_interval]))`,
      }),
    ],
  },
];
