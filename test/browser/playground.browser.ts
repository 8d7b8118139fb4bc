/** The playground's samples, and what it shows when an input or a request fails, in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { openPage } from './browser.ts';

let sidecar: Sidecar;

before(async () => {
  sidecar = await startSidecar([
    '--model=digits=examples/digits/models/digits',
    '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
  ]);
});

after(killSidecars);

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
  });
});
