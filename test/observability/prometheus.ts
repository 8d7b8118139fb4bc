/** A real Prometheus that scrapes what it is told to, each second, exemplars too; and promtool. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';
import { freePorts, getJson, pathFrom, startProgram } from './program.ts';

export interface PrometheusSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, text: string];
}

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

export interface Prometheus {
  /** An instant query. Rejects with Prometheus' own words where it does not read it. */
  query(expression: string): Promise<readonly PrometheusSeries[]>;
  /** Of the last hour. */
  exemplars(expression: string): Promise<readonly Exemplar[]>;
  until<T>(what: string, look: () => Promise<T | undefined>): Promise<T>;
}

/** `target`: "host:port". Resolves when it has been scraped. */
export async function startPrometheus(t: TestContext, target: string, ruleFile: string): Promise<Prometheus> {
  const [port] = (await freePorts(1)) as [number];
  const directory = tempDirectory(t);
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [ruleFile],
    scrape_configs: [{ job_name: 'pillion', static_configs: [{ targets: [target] }] }],
  };
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const args = [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
    '--log.level=warn',
  ];
  const program = startProgram(t, join(pathFrom('PILLION_TEST_PROMETHEUS'), 'prometheus'), args, directory);
  const api = `http://127.0.0.1:${port}/api/v1`;
  const query = async (expression: string): Promise<readonly PrometheusSeries[]> => {
    const answer = await fetch(`${api}/query?${new URLSearchParams({ query: expression })}`);
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${expression}\n${text}`);
    return (JSON.parse(text) as { data: { result: PrometheusSeries[] } }).data.result;
  };
  await program.until('a scrape', async () => {
    const [up] = await query('up');
    return up?.value[1] === '1' ? up : undefined;
  });
  return {
    query,
    exemplars: async (expression) => {
      const now = Date.now() / 1000;
      const parameters = new URLSearchParams({ query: expression, start: String(now - 3600), end: String(now + 60) });
      const answer = await getJson<{ data: { exemplars: Exemplar[] }[] }>(`${api}/query_exemplars?${parameters}`);
      return answer!.data.flatMap(({ exemplars }) => exemplars);
    },
    until: (what, look) => program.until(what, look),
  };
}

/** What promtool says, and whether it is content. */
export function promtool(args: readonly string[], cwd: string): { readonly isSound: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(join(pathFrom('PILLION_TEST_PROMETHEUS'), 'promtool'), args, {
    cwd,
    encoding: 'utf8',
  });
  return { isSound: status === 0, output: `${stdout}${stderr}` };
}
