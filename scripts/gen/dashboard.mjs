/** scripts/gen/grafana/rows.mjs → deploy/grafana/dashboard.json, as Grafana 10 and later import it. */
import { layOut } from './grafana/panels.mjs';
import { ROWS } from './grafana/rows.mjs';

const query = (name, label, definition) => ({
  type: 'query',
  name,
  label,
  datasource: { type: 'prometheus', uid: '$datasource' },
  definition,
  query: { query: definition, refId: name },
  includeAll: true,
  allValue: '.*',
  multi: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  refresh: 2,
  sort: 1,
});

const dashboard = {
  uid: 'pillion',
  title: 'Pillion',
  description: 'An inference sidecar: requests, stages, batches, scheduling, the process.',
  tags: ['inference', 'pillion'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  refresh: '10s',
  time: { from: 'now-30m', to: 'now' },
  timezone: 'browser',
  templating: {
    list: [
      { type: 'datasource', name: 'datasource', label: 'Prometheus', query: 'prometheus', current: {}, refresh: 1 },
      query('job', 'Job', 'label_values(pillion_requests_in_flight, job)'),
      query('instance', 'Sidecar', 'label_values(pillion_requests_in_flight{job=~"$job"}, instance)'),
      query('model', 'Model', 'label_values(pillion_model_memory_bytes{job=~"$job",instance=~"$instance"}, model)'),
    ],
  },
  annotations: { list: [] },
  links: [],
  panels: layOut(ROWS),
};

export function generate() {
  return { 'deploy/grafana/dashboard.json': `${JSON.stringify(dashboard, undefined, 2)}\n` };
}
