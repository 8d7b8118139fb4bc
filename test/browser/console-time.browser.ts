/** Spans of time in the console, in a real browser: on a sidecar that was killed and started again. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage, overflow } from './browser.ts';

const directory = mkdtempSync(join(tmpdir(), 'pillion-console-time-'));
const file = join(directory, 'requests');
const ARGS = [...DIGITS, `--flight_recorder_file=${file}`, '--trace_url_template=http://traces.example/{trace_id}'];

let sidecar: Sidecar;

async function ask(body: string, id: string): Promise<void> {
  const headers = { 'x-request-id': id };
  await (await fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body, headers })).text();
}

const GOOD = JSON.stringify({ instances: [new Array<number>(64).fill(1)] });

before(async () => {
  sidecar = await startSidecar(ARGS);
  await ask('{"instances":[[1,2]]}', 'before-the-kill');
  while (!readFileSync(file, 'latin1').includes('"id":"before-the-kill"')) await setTimeout(50);
  sidecar.process.kill('SIGKILL');
  await sidecar.exited;
  sidecar = await startSidecar(ARGS);
  for (let i = 0; i < 20; i++) await ask(GOOD, `good-${i}`);
  await ask('{"instances":[[1,2,3]]}', 'after-it');
});

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true, force: true });
});

const at = (search: string, hash: string): string => `${sidecar.admin}/${search}${hash}`;

describe('a span of time', () => {
  it('shows what failed before the server was killed, and the restart', async (t) => {
    const page = await openPage(t, at('?since=1h', '#/requests?outcome=failed'));
    await page.getByText(/The server started again at .*: it had been killed or had crashed/).waitFor();
    assert.equal(await page.locator('tbody tr').count(), 2);
    await page.getByLabel('Id or trace').fill('before-the-kill');
    await page.keyboard.press('Enter');
    await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
    assert.match(page.url(), /\?since=1h#\/requests\?.*id=before-the-kill/);
    await page.locator('a.row-link').click();
    await page.getByRole('heading', { name: /Predict over REST/ }).waitFor();
    await page.getByText('invalid request', { exact: true }).first().waitFor();
    assert.match(page.url(), /\?since=1h#\/requests\/before-the-kill\?until=\d+$/);
  });

  it('finds requests by caller and by error', async (t) => {
    const page = await openPage(t, at('?since=1h', '#/requests'));
    await page.getByLabel('Error has').fill('shape');
    await page.keyboard.press('Enter');
    await page.waitForURL(/error=/);
    await page.getByLabel('Caller').fill('127.0.0.1');
    await page.keyboard.press('Enter');
    await page.waitForURL(/caller=/);
    await page.getByText(/1970|No such request/).waitFor({ state: 'detached' });
    await page.getByLabel('Caller').fill('10.0.0.1');
    await page.keyboard.press('Enter');
    await page.getByText('No such request').waitFor();
  });

  it('is chosen once for every page, and stays in the address', async (t) => {
    const page = await openPage(t, at('', '#/'), { allowed: /400 \(Bad Request\)/ });
    await page.getByRole('combobox', { name: 'Time', exact: true }).selectOption('1h');
    await page.getByRole('row', { name: /digits 1 2\d/ }).waitFor();
    await page.getByText(/The server started again/).waitFor();
    await page.getByRole('link', { name: 'digits' }).click();
    await page.getByRole('heading', { name: 'digits', level: 1 }).waitFor();
    assert.match(page.url(), /\?since=1h#\/models\/digits$/);
    await page.reload();
    await page.locator('.uplot canvas').first().waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await page.getByRole('combobox', { name: 'Time', exact: true }).selectOption('now');
    await page.getByText(/The numbers cover the last/).waitFor();
    await page.getByRole('combobox', { name: 'Time', exact: true }).selectOption('between');
    await page.getByLabel('To', { exact: true }).fill('2020-01-01T00:00:05');
    await page.getByText(/since must be before until/).waitFor();
  });

  it('is put beside another one, with keys alone', async (t) => {
    const page = await openPage(t, at('?since=15m', '#/'));
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await page.getByRole('heading', { name: 'Compare', level: 1 }).waitFor();
    const requests = page.getByRole('row', { name: /^Requests 2\d 0/ });
    await requests.waitFor();
    await page.getByRole('row', { name: /^Stage execute/ }).waitFor();
    await page.getByLabel('Model').first().selectOption('digits');
    await page.waitForURL(/a\.model=digits/);
    await requests.waitFor();
  });

  for (const [name, hash] of Object.entries({
    overview: '#/',
    model: '#/models/digits',
    requests: '#/requests',
    compare: '#/compare',
  })) {
    it(`fits its window, without complaints of the browser: ${name}`, async (t) => {
      for (const width of [1440, 390]) {
        for (const scheme of ['light', 'dark'] as const) {
          const page = await openPage(t, at('?since=1h', hash), { width, scheme });
          await page.getByText('Ready').first().waitFor({ state: 'attached' });
          await page.locator('.loading').first().waitFor({ state: 'detached' });
          assert.equal(await overflow(page), 0, `${width} ${scheme}`);
          const pictures = process.env['PILLION_TEST_PICTURES'];
          if (pictures !== undefined)
            await page.screenshot({ path: join(pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
          await page.close();
        }
      }
    });
  }
});
