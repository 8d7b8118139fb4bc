/**
 * Tasks that people open the console for, done as somebody would who sees it for the first time: by what is
 * written on it and by the roles of its controls. Each is done in a wide and in a narrow window.
 *
 * With PILLION_TEST_PICTURES=DIRECTORY each leaves a picture of where it ended, in light and dark.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import type { RequestEntry } from '../../src/admin/request-entry.ts';
import { openPage, overflow } from './browser.ts';
import { CARELESS, NewcomerStates, OF_THE_NIGHT, TRACE_ID, TRACES } from './newcomer-states.ts';

const run = promisify(execFile);
const states = new NewcomerStates();
const WINDOWS = [
  [1440, 'light'],
  [390, 'dark'],
] as const;

before(() => states.start());
after(() => states.stop());

/** Does the task in each window, from the page that the console opens with. */
function task(name: string, does: (page: Page, t: TestContext) => Promise<void>): void {
  for (const [width, scheme] of WINDOWS) {
    it(`${name}, at ${width} pixels`, async (t) => {
      const page = await openPage(t, `${states.sidecar.admin}/`, { width, scheme, allowed: /40\d|503/ });
      await page.getByText('Ready', { exact: true }).waitFor({ state: 'attached' });
      page.setDefaultTimeout(15_000);
      try {
        await does(page, t);
        assert.equal(await overflow(page), 0, 'it fits the window');
      } finally {
        await picture(page, `${name}-${width}`);
      }
    });
  }
}

async function picture(page: Page, name: string): Promise<void> {
  const directory = process.env['PILLION_TEST_PICTURES'];
  if (directory === undefined) return;
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: join(directory, `${name.replaceAll(/\W+/g, '-')}-${scheme}.png`), fullPage: true });
  }
}

/** A local time as a field for times takes it, to the second. */
function fieldTime(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

const go = (page: Page, to: string): Promise<void> =>
  page.getByRole('navigation').getByRole('link', { name: to, exact: true }).click();

const firstRow = (page: Page) =>
  page
    .getByRole('row')
    .filter({ has: page.getByRole('link') })
    .first();

/** The stage of the shown request that took most of its time. */
async function longestStage(page: Page): Promise<string> {
  const rows = page.getByRole('region', { name: 'Where the time went' }).getByRole('row');
  await rows.first().waitFor();
  let longest = { name: '', ms: -1 };
  for (const row of await rows.all()) {
    const name = (await row.getByRole('rowheader').textContent())!;
    const ms = await timeIn(row);
    if (ms > longest.ms) longest = { name, ms };
  }
  return longest.name;
}

/** The time in a row's cell that holds nothing else, in ms; 0 = none does. */
async function timeIn(row: Locator): Promise<number> {
  const UNITS: Readonly<Record<string, number>> = { µs: 0.001, ms: 1, s: 1000 };
  for (const text of await row.getByRole('cell').allTextContents()) {
    const [, value, unit] = /^([\d.]+)\s(µs|ms|s)$/u.exec(text) ?? [];
    if (value !== undefined) return Number(value) * UNITS[unit!]!;
  }
  return 0;
}

describe('a newcomer finds', () => {
  task('the slowest request of the last hour, and why it was slow', async (page) => {
    await go(page, 'Requests');
    await page.getByRole('combobox', { name: /^Time/ }).selectOption('the last hour');
    await page.getByLabel('Order').selectOption('slowest first');
    await page.getByRole('heading', { name: /^Slowest first/ }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const rows = await page
      .getByRole('row')
      .filter({ has: page.getByRole('link') })
      .all();
    const times = await Promise.all(rows.map(timeIn));
    assert.equal(times[0], Math.max(...times));
    await rows[0]!.getByRole('link').click();
    const stage = await longestStage(page);
    const id = new URL(page.url()).hash.split('/').at(-1);
    const { stages } = (await (await fetch(`${states.sidecar.admin}/requests/${id}`)).json()) as RequestEntry;
    const [longest] = [...stages].sort((one, other) => other.duration_ms - one.duration_ms);
    assert.ok(stage.startsWith(longest!.name), `${stage}, ${longest!.name}`);
  });

  task('the caller that sends bad input, and what is wrong with it', async (page) => {
    await go(page, 'Requests');
    await page.getByRole('combobox', { name: /^Outcome/ }).selectOption('invalid request');
    await firstRow(page).getByText('invalid request').waitFor();
    await firstRow(page).getByRole('link').click();
    await page.getByText(/input "pixels" has shape \[1,2\].*send 64 elements a row/).waitFor();
    await page
      .getByText(new RegExp(`${CARELESS.replaceAll('.', '\\.')}`))
      .first()
      .waitFor();
  });

  task('which of two versions is slower, and in which stage', async (page) => {
    await page.getByRole('row', { name: /twins/ }).getByRole('link', { name: 'twins' }).click();
    await page.getByRole('heading', { name: 'twins', level: 1 }).waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Compare' }).last().click();
    await page.getByRole('heading', { name: 'Compare', level: 1 }).waitFor();
    for (const [side, version] of [
      ['A', '1'],
      ['B', '2'],
    ] as const) {
      const fields = page.getByRole('region', { name: side, exact: true });
      assert.equal(await fields.getByRole('combobox', { name: 'Model' }).inputValue(), 'twins');
      assert.equal(await fields.getByRole('combobox', { name: 'Version' }).inputValue(), version);
    }
    // How much slower: a version of some tens of ms beside one that does nothing.
    for (const name of ['p50', 'Stage execute']) {
      const row = page.getByRole('row', { name: new RegExp(`^${name} `) });
      const [, times] = /× ([\d.,]+)$/.exec((await row.textContent())!) ?? [];
      assert.ok(Number(times?.replace(',', '')) > 1, `${name}: ${await row.textContent()}`);
    }
  });

  task('the model that failed to load, and what its callers get', async (page) => {
    await page
      .getByText(new RegExp(`broken: its load failed.*callers get ${await states.ask('broken', [1])}`))
      .first()
      .waitFor();
    await page.getByRole('link', { name: 'broken', exact: true }).first().click();
    await page.getByRole('heading', { name: 'broken', level: 1 }).waitFor();
    await page
      .getByRole('button', { name: /^Try again/ })
      .first()
      .waitFor();
  });

  task('what happened in the night, before a restart', async (page) => {
    await page.getByRole('combobox', { name: /^Time/ }).selectOption('from … to …');
    await page.getByLabel('From', { exact: true }).fill(fieldTime(states.night.from));
    await page.getByLabel('To', { exact: true }).fill(fieldTime(states.night.to + 1000));
    await page.getByText(/The server started again at .*: it had been told to end/).waitFor();
    const broken = page.getByRole('row', { name: /^broken none that is loaded/ });
    assert.ok(Number(await broken.getByRole('cell').nth(4).textContent()) >= OF_THE_NIGHT, 'those that failed');
    await broken.getByRole('link', { name: 'requests' }).click();
    await page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
    await page.getByText(/The server started again at/).waitFor();
    await firstRow(page).getByText('model not found').waitFor();
    await page
      .getByRole('row')
      .filter({ has: page.getByRole('link') })
      .last()
      .getByRole('link')
      .click();
    await page.getByText(/model "broken" has no version \(it failed to load: .*Protobuf parsing failed/).waitFor();
    const at = await page
      .getByText(/^\d+\/\d+\/\d+, /)
      .first()
      .textContent();
    assert.ok(Date.parse(at!.split(', ').slice(0, 2).join(' ')) <= states.night.to, `${at} is in the night`);
  });

  task('what of the application fails', async (page) => {
    await page.getByText(/per second failed: it answered 5xx/).waitFor();
    await go(page, 'Application');
    const errorsOf = async (kind: string): Promise<number> => {
      const row = page.getByRole('row', { name: new RegExp(`^${kind} `) });
      return Number.parseFloat((await row.getByRole('cell').nth(1).textContent())!);
    };
    assert.ok((await errorsOf('http POST')) > 0, 'orders are sent by POST');
    assert.equal(await errorsOf('http GET'), 0);
  });

  task('the trace of a request', async (page) => {
    await go(page, 'Requests');
    await page.getByLabel('Id or trace').fill(TRACE_ID);
    await page.getByLabel('Id or trace').press('Enter');
    await firstRow(page).getByRole('link').click();
    const link = page.getByRole('link', { name: 'show' });
    assert.equal(await link.getAttribute('href'), `${TRACES}${TRACE_ID}`);
  });

  task('a prediction, and the same call for a shell, which answers alike', async (page) => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await go(page, 'Playground');
    await page.getByRole('combobox', { name: /^Model/ }).selectOption('digits');
    await page.getByRole('button', { name: 'a 7 (scans/15.png)' }).click();
    await page.getByRole('button', { name: 'Ask the model' }).click();
    const answer = page.getByRole('region', { name: 'Answer' });
    await answer.getByText('7', { exact: true }).last().waitFor();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const command = await page.evaluate<string>('navigator.clipboard.readText()');
    const { stdout } = await run('sh', ['-c', command]);
    const [row] = (JSON.parse(stdout) as { predictions: { digit: number }[] }).predictions;
    assert.equal(row!.digit, 7);
  });

  task('the overloaded model, and what its callers are told', async (page, t) => {
    t.after(states.overload());
    await page.getByText(/were refused at once, because they could not meet their deadline/).waitFor();
    const slow = page.getByRole('row', { name: /slow/ });
    await slow.waitFor();
    await slow.getByRole('link', { name: 'slow' }).click();
    await page
      .getByText(/were refused at once/)
      .first()
      .waitFor();
  });

  task('what the server is bound by', async (page, t) => {
    t.after(states.overload());
    const slow = page.getByRole('row', { name: /slow/ });
    await slow.getByRole('link', { name: 'slow' }).click();
    await page
      .getByText(/The bound now is (?!nothing)\w+/)
      .first()
      .waitFor();
  });
});
