/** The playground's samples, and what it shows when an input or a request fails, in a real browser. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage, overflow } from './browser.ts';

const models = mkdtempSync(join(tmpdir(), 'pillion-playground-'));

let sidecar: Sidecar;

/** The digits with words for the names of their classes. */
function writeNamed(): string {
  const base = join(models, 'named');
  cpSync('examples/digits/models/digits', base, { recursive: true });
  const file = join(base, '1', 'pillion.yaml');
  const words = '[zero, one, two, three, four, five, six, seven, eight, nine]';
  writeFileSync(file, readFileSync(file, 'utf8').replace(/labels: .*/, `labels: ${words}`));
  return base;
}

before(async () => {
  sidecar = await startSidecar([
    `--model=named=${writeNamed()}`,
    '--model=digits=examples/digits/models/digits',
    '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
  ]);
});

after(() => {
  killSidecars();
  rmSync(models, { recursive: true, force: true });
});

async function playground(t: TestContext, model: string, allowed = /400/) {
  const page = await openPage(t, `${sidecar.admin}/#/playground/${model}`, { allowed });
  const answer = page.getByRole('region', { name: 'Answer' });
  const ask = page.getByRole('button', { name: 'Ask the model' });
  return { page, answer, ask };
}

const answered = (page: Page): Promise<string | null> => page.locator('.big-number').textContent();

describe('samples', () => {
  it('make the first answer right, without a setting', async (t) => {
    const { page, answer, ask } = await playground(t, 'digits');
    await ask.click();
    await answer.getByText(/Answered in/).waitFor();
    assert.equal(await answered(page), '0');
    assert.equal(await page.getByLabel('White is').inputValue(), '16');
    await page.getByLabel('Begin with').selectOption({ label: 'a 6 (scans/03.png)' });
    await answer.getByText('The input has changed since').waitFor();
    await ask.click();
    await page.locator('.big-number', { hasText: /^6$/ }).waitFor();
    assert.equal(await answer.getByText('The input has changed since').count(), 0);
    const code = (await page.locator('pre.code').textContent())!;
    const [pixels] = (JSON.parse(/-d '(.*)'/.exec(code)![1]!) as { instances: number[][] }).instances;
    assert.ok(pixels!.every(Number.isInteger), 'the sample itself, and not what the picture makes of it');
  });

  it('fill in the features of a signature of examples too', async (t) => {
    const { page, answer, ask } = await playground(t, 'digits');
    await page.getByLabel('Signature').selectOption('classify');
    await page.getByLabel('Begin with').selectOption({ label: 'a 7 (scans/15.png)' });
    await ask.click();
    await answer.getByText(/Answered in/).waitFor();
    assert.equal(await answer.locator('.bars tr.best th').textContent(), '7');
  });

  it('may be left for an empty form', async (t) => {
    const { page, ask } = await playground(t, 'half_plus_two');
    assert.equal(await page.getByLabel('Numbers for x').inputValue(), '1');
    await page.getByLabel('Begin with').selectOption({ label: 'x = 5, which gives 4.5' });
    await ask.click();
    await page.locator('.big-number', { hasText: /^4\.5$/ }).waitFor();
    await page.getByLabel('Begin with').selectOption({ label: 'an empty form' });
    assert.equal(await page.getByLabel('Numbers for x').inputValue(), '0');
  });
});

describe('samples that are pictures', () => {
  it('are shown small, and chosen so', async (t) => {
    const { page, ask } = await playground(t, 'digits');
    const samples = page.getByRole('group', { name: 'Samples' });
    await samples.getByRole('button').first().waitFor();
    assert.equal(await samples.getByRole('button').count(), 10);
    const six = samples.getByRole('button', { name: 'a 6 (scans/03.png)' });
    const lit = await page.evaluate<number>(`[...document.querySelector('[aria-label="a 6 (scans/03.png)"] canvas')
      .getContext('2d').getImageData(0, 0, 8, 8).data].filter((value, at) => at % 4 === 0 && value > 200).length`);
    assert.ok(lit > 4, 'it is a picture');
    await six.press('Enter');
    assert.equal(await six.getAttribute('aria-pressed'), 'true');
    await ask.click();
    await page.locator('.big-number', { hasText: /^6$/ }).waitFor();
  });
});

describe('classes', () => {
  it('have the names that the model’s file gives them, in Predict too', async (t) => {
    const { page, answer, ask } = await playground(t, 'named');
    await page.getByRole('button', { name: 'a 6 (scans/03.png)' }).click();
    await ask.click();
    await answer.getByText(/Answered in/).waitFor();
    assert.equal(await answer.locator('.bars tr.best th').textContent(), 'six');
  });
});

describe('the REST API', () => {
  it('is listed, each call with its schemas, and fits a narrow window', async (t) => {
    for (const width of [1440, 390]) {
      const page = await openPage(t, `${sidecar.admin}/#/rest-api`, { width });
      const calls = page.getByRole('main').getByRole('listitem');
      await calls.first().waitFor();
      for (const call of (await calls.all()).slice(0, 8)) await call.locator('summary').first().click();
      await page.getByText('Answer 200', { exact: false }).first().waitFor();
      assert.equal(await page.getByText(/undefined|\[object/).count(), 0);
      assert.equal(await overflow(page), 0);
      await page.close();
    }
  });

  it('is tried: a call is sent with a body that fits the model', async (t) => {
    const page = await openPage(t, `${sidecar.admin}/#/rest-api`, { allowed: /40\d/ });
    await page.getByLabel('Calls with').fill('infer runs');
    await page.getByText('/v2/models/{model}/infer').click();
    await page.getByLabel('model', { exact: true }).fill('half_plus_two');
    const body = page.getByLabel('Body');
    await page
      .getByText(/"name": "x",\s+"datatype": "FP32",\s+"shape": \[1\]/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Send' }).click();
    await page
      .getByRole('status')
      .getByText(/"model_name": "half_plus_two"/)
      .waitFor();
    await page.getByRole('link', { name: 'Where the time went' }).waitFor();
    await body.fill('{"inputs":[}');
    await page.getByText('The body is no JSON').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
    await body.fill('{"inputs":[]}');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText(/x/).waitFor();
  });

  it('does not change the server from the page', async (t) => {
    const page = await openPage(t, `${sidecar.admin}/#/rest-api`, { allowed: /40\d/ });
    await page.getByLabel('Calls with').fill('changes log');
    await page.getByText('/v2/logging').click();
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('alert').getByText('this request changes the server').waitFor();
  });
});

describe('a picture that cannot be used', () => {
  it('takes the last answer off the screen, and says which file it was', async (t) => {
    const { page, answer, ask } = await playground(t, 'digits');
    const file = page.locator('input[type=file]');
    await file.setInputFiles('examples/digits/scans/03.png');
    await ask.click();
    await page.locator('.big-number', { hasText: /^6$/ }).waitFor();
    await file.setInputFiles('examples/digits/scans.json');
    await page.getByRole('alert').getByText('scans.json: the browser cannot read this file as a picture').waitFor();
    await answer.getByText('There is nothing to ask').waitFor();
    assert.equal(await page.locator('.big-number').count(), 0);
    assert.equal(await ask.isDisabled(), true);
    assert.equal(await page.locator('pre.code').count(), 0);
    await file.setInputFiles('examples/digits/scans/01.png');
    await ask.click();
    await page.locator('.big-number', { hasText: /^4$/ }).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
  });
});

describe('a refused request', () => {
  it('takes the last answer off the screen, and says why', async (t) => {
    const { page, answer, ask } = await playground(t, 'half_plus_two');
    await ask.click();
    await page.locator('.big-number').waitFor();
    await page.getByRole('button', { name: 'JSON' }).click();
    await page.getByLabel('JSON for x').fill('"four"');
    await ask.click();
    await answer.getByRole('alert').getByText(/x/).waitFor();
    assert.equal(await page.locator('.big-number').count(), 0);
    await page.getByLabel('JSON for x').blur();
    await answer.getByRole('button', { name: 'Go to the input x' }).click();
    assert.equal(await page.evaluate('document.activeElement.closest("fieldset.input")?.dataset.input'), 'x');
    await answer.getByRole('link', { name: 'Where it failed' }).click();
    await page.getByText(/invalid request: /).waitFor();
  });
});
