/** The console's live numbers and charts, from a stream of ticks that the test makes up. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage } from './browser.ts';

const NEWEST = Date.now();

/** A second with 40 answers of `digits`, which ended `secondsAgo`. */
function tick(secondsAgo: number): object {
  const latency = [[60, 40]];
  const digits = { model: 'digits', version: '1', requests: 40, in_time: 40, rows: 40, failures: {}, latency };
  const stages_ms = [0, 0, 0, 1, 0, 2, 0, 0];
  const counts = { in_flight: 1, cpu_cores: 0.5, models_revision: 1, versions: [{ ...digits, stages_ms }] };
  return { at_ms: NEWEST - secondsAgo * 1000, span_ms: 1000, ...counts };
}

let sidecar: Sidecar;

before(async () => {
  sidecar = await startSidecar(['--model=digits=examples/digits/models/digits']);
});

after(killSidecars);

/** The page gets these events and no more: then its connection is lost. */
async function pageOf(t: TestContext, hash: string, events: string): Promise<Page> {
  const page = await openPage(t, 'about:blank', { allowed: /ERR_|Failed to load|willReadFrequently/ });
  await page.route('**/events', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: `retry: 600000\n${events}` }),
  );
  await page.goto(`${sidecar.admin}/${hash}`);
  return page;
}

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** How many pixels of a chart's column have the colour of a series, `secondsAgo` on its time axis. */
function ink(page: Page, chart: string, secondsAgo: number): Promise<number> {
  const column = `(() => {
    const over = document.querySelector('[aria-label="${chart}"] .u-over');
    const canvas = over.parentElement.querySelector('canvas');
    const [outer, inner] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()];
    const x = inner.left - outer.left + inner.width * (1 - ${secondsAgo} / 180);
    const scale = canvas.width / outer.width;
    const { data } = canvas.getContext('2d').getImageData(Math.round(x * scale), 0, 1, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [red, green, blue, opacity] = data.slice(i, i + 4);
      if (opacity > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) found++;
    }
    return found;
  })()`;
  return page.evaluate<number>(column);
}

describe('seconds that nobody counted', () => {
  const before = Array.from({ length: 30 }, (_, i) => tick(150 - i));
  const after = Array.from({ length: 30 }, (_, i) => tick(31 - i));
  const charts = ['Requests per second, by outcome', 'Median and 99th percentile of the time to answer'];

  it('are a gap in every chart', async (t) => {
    const page = await pageOf(t, '#/', event('history', [...before, ...after]));
    await page.getByText('Connection lost').waitFor();
    for (const chart of charts) {
      await page.locator(`[aria-label="${chart}"] .u-over`).waitFor();
      assert.ok((await ink(page, chart, 135)) > 0, `${chart}: before`);
      assert.equal(await ink(page, chart, 75), 0, `${chart}: the gap`);
      assert.ok((await ink(page, chart, 15)) > 0, `${chart}: after`);
    }
    const spark = page.getByRole('row', { name: /digits/ }).locator('.sparkline path');
    assert.equal((await spark.getAttribute('d'))!.match(/M/g)!.length, 2);

    await page.goto(`${sidecar.admin}/#/models/digits`);
    const stages = 'Mean time of a request in each stage';
    await page.locator(`[aria-label="${stages}"] .u-over`).waitFor();
    assert.ok((await ink(page, stages, 15)) > 0);
    assert.equal(await ink(page, stages, 75), 0);
  });

  it('are in no number: there is none while no tick comes', async (t) => {
    const page = await pageOf(t, '#/', event('history', [tick(90), tick(89)]));
    await page.getByText('Connection lost').waitFor();
    await page.getByText('there are no numbers of now').waitFor();
    const requests = page.locator('.tile', { hasText: 'Requests' });
    assert.equal(await requests.locator('.value').textContent(), '–');
    assert.equal(await page.getByText(/requests per second/).count(), 0);
    await page.getByText('as they were before the connection was lost').waitFor();
    assert.match((await page.getByRole('row', { name: /digits/ }).textContent())!, /–––––$/);
  });
});

describe('the first numbers', () => {
  it('are of the seconds that were counted', async (t) => {
    const page = await openPage(t, `${sidecar.admin}/`);
    await page.getByText(/The numbers cover the last [1-9] seconds/).waitFor();
  });
});
