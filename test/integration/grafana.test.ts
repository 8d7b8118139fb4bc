/** deploy/grafana asks for nothing that a real server does not tell: every metric and label by its name. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseMetrics } from '../../src/cli/prometheus-text.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';

after(killSidecars);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync('deploy/grafana/dashboard.json', 'utf8')) as { readonly panels: Panel[] };
const alerts = parse(readFileSync('deploy/grafana/alerts.yaml', 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
};
const rules = alerts.groups.flatMap((group) => group.rules);

const QUERIES: readonly string[] = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...rules.map(({ expr }) => expr),
];

/** Prometheus' own: every scraped series has them. */
const SCRAPE_LABELS: readonly string[] = ['job', 'instance'];

/** Metric → labels that some query selects by. */
function asked(): ReadonlyMap<string, ReadonlySet<string>> {
  const all = new Map<string, Set<string>>();
  for (const query of QUERIES) {
    const metricsAlone = query.replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, '');
    for (const [, metric, selector = ''] of metricsAlone.matchAll(
      /\b((?:pillion|process|nodejs)_\w+)(?:\{([^}]*)\})?/g,
    )) {
      const labels = all.get(metric!) ?? new Set<string>();
      for (const [, label] of selector.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)) labels.add(label!);
      all.set(metric!, labels);
    }
  }
  return all;
}

describe('deploy/grafana', () => {
  it('asks for metrics and labels that a real server tells', async () => {
    // Nobody is asked there: its metrics are told from the start.
    const sidecar = await startSidecar([...DIGITS, '--app=http://127.0.0.1:1']);
    const ask = (body: object, headers: Record<string, string> = {}): Promise<number> =>
      fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', headers, body: JSON.stringify(body) }).then(
        async (answer) => {
          await answer.text();
          return answer.status;
        },
      );
    assert.equal(await ask({ instances: [new Array(64).fill(1)] }), 200);
    assert.equal(await ask({ instances: [1] }), 400);
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const samples = parseMetrics(page);
    const families = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    const metrics = asked();
    assert.ok(metrics.size > 15);
    for (const [metric, labels] of metrics) {
      const family = families.has(metric) ? metric : metric.replace(/_(bucket|sum|count)$/, '');
      const type = families.get(family);
      assert.ok(type !== undefined, `no server tells ${metric}`);
      assert.ok(family === metric || type === 'histogram' || type === 'summary', `${metric} is of a ${type}`);
      for (const { labels: told } of samples.get(metric) ?? []) {
        for (const label of labels) {
          assert.ok(label in told || SCRAPE_LABELS.includes(label), `${metric} has no label ${label}`);
        }
      }
    }
    assert.equal(await sidecar.stop(), 0);
  });

  it('lays its panels out beside each other, each with a number of its own', () => {
    const { panels } = dashboard;
    assert.deepEqual(
      panels.map(({ id }) => id),
      panels.map((_, i) => i + 1),
    );
    const taken = new Set<string>();
    for (const { gridPos } of panels) {
      assert.ok(Number.isInteger(gridPos.w) && gridPos.x + gridPos.w <= 24, JSON.stringify(gridPos));
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), `two panels at ${x},${y}`);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it('has a test and an advice for each alert', () => {
    const tests = readFileSync('deploy/grafana/alerts_test.yaml', 'utf8');
    const readme = readFileSync('deploy/grafana/README.md', 'utf8');
    for (const { alert } of rules) {
      assert.ok(tests.includes(`alertname: ${alert}\n`), `alerts_test.yaml does not show when ${alert} fires`);
      assert.ok(readme.includes(`| ${alert} |`), `README.md does not say what to do about ${alert}`);
    }
  });
});
