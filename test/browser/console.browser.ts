/** Each page of the console in a real browser, on a real sidecar with traffic. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { openPage, overflow } from './browser.ts';

interface Scan {
  readonly pixels: readonly number[];
  readonly label: number;
}

const SCANS = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as readonly Scan[];

const models = mkdtempSync(join(tmpdir(), 'pillion-console-'));

let sidecar: Sidecar;
let isOver = false;
let traffic: Promise<void>;

/** A model with versions 1 to 3; the last is served. */
function writeHistory(): string {
  const base = join(models, 'history');
  for (const version of ['1', '2', '3']) {
    cpSync('examples/half_plus_two/models/half_plus_two/1', join(base, version), { recursive: true });
  }
  return base;
}

/** A few rows at a time, some of them wrong, until the end. */
async function drive(): Promise<void> {
  const ask = (body: string): Promise<unknown> =>
    fetch(`${sidecar.rest}/v1/models/digits:predict`, { method: 'POST', body }).then((answer) => answer.text());
  for (let turn = 0; !isOver; turn++) {
    const scans = Array.from({ length: 1 + (turn % 4) }, (_, i) => SCANS[(turn + i) % SCANS.length]!);
    const bodies = scans.map(({ pixels }) => JSON.stringify({ instances: [pixels] }));
    if (turn % 10 === 0) bodies.push('{"instances":[[1,2]]}');
    await Promise.all(bodies.map(ask));
    await setTimeout(50);
  }
}

before(async () => {
  sidecar = await startSidecar([
    '--model=digits=examples/digits/models/digits,slo_ms=50,label.stable=1',
    '--model=half_plus_two=examples/half_plus_two/models/half_plus_two',
    ...writeSurfaceModels(models, ['examples']),
    `--model=history=${writeHistory()}`,
  ]);
  traffic = drive();
});

after(async () => {
  isOver = true;
  await traffic;
  killSidecars();
  rmSync(models, { recursive: true, force: true });
});

const at = (hash: string): string => `${sidecar.admin}/${hash}`;

describe('every page', () => {
  const pages = {
    overview: '#/',
    model: '#/models/digits',
    requests: '#/requests',
    'a model with versions on disk': '#/models/history',
    playground: '#/playground/half_plus_two',
    'the playground of examples': '#/playground/examples',
    'the REST API': '#/rest-api',
    'a model that is not there': '#/models/none',
    'a request that is not there': '#/requests/none',
  };
  for (const [name, hash] of Object.entries(pages)) {
    it(`fits its window, without complaints of the browser: ${name}`, async (t) => {
      for (const width of [1440, 390]) {
        for (const scheme of ['light', 'dark'] as const) {
          const page = await openPage(t, at(hash), { width, scheme, allowed: /404/ });
          await page.getByText('Ready').first().waitFor({ state: 'attached' });
          await page.locator('.loading').first().waitFor({ state: 'detached' });
          assert.equal(await overflow(page), 0, `${width} ${scheme}`);
          assert.equal(await page.evaluate('document.documentElement.dataset.theme'), scheme);
          assert.ok(await page.locator('.state-text').isVisible(), `${width} ${scheme}: the state is a word`);
          await page.close();
        }
      }
    });
  }

  it('runs no script but its own', async (t) => {
    const page = await openPage(t, at('#/'), { allowed: /Content Security Policy/ });
    await page.evaluate(
      `document.head.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))`,
    );
    assert.equal(await page.evaluate('window.ran'), undefined);
  });
});

describe('the overview', () => {
  it('shows what happens now, in numbers and in words', async (t) => {
    const page = await openPage(t, at('#/'));
    await page.getByText(/[1-9][\d.]* requests per second/).waitFor();
    await page.getByText(/were the callers’ mistakes/).waitFor();
    await page
      .getByText(/^The bound( of digits version 1)? now is [a-z ]+: /)
      .first()
      .waitFor();
    const row = page.getByRole('row', { name: /digits/ });
    await row.getByText(/^[1-9][\d.]*\/s$/).waitFor();
    await row.getByText('available').waitFor();
    await page.locator('.uplot canvas').nth(1).waitFor();
    await row.getByRole('link', { name: 'digits' }).click();
    await page.getByRole('heading', { name: 'digits', level: 1 }).waitFor();
  });

  it('says so when the server has gone', async (t) => {
    const gone = await startSidecar(['--model=digits=examples/digits/models/digits']);
    const page = await openPage(t, `${gone.admin}/`, { allowed: /ERR_|Failed to load/ });
    await page.getByText('Ready').waitFor();
    await gone.stop();
    await page.getByText('Connection lost').waitFor();
  });

  it('is worked with keys alone', async (t) => {
    const page = await openPage(t, at('#/'));
    await page.getByText('Ready').waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.keyboard.press('t');
    assert.equal(await page.evaluate('document.documentElement.dataset.theme'), 'dark');
    await page.getByRole('row', { name: /digits/ }).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'digits', level: 1 }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'SELECT');
  });
});

describe('a model’s page', () => {
  it('shows versions, stages, sizes of batches and the learned curve', async (t) => {
    const page = await openPage(t, at('#/models/digits'));
    await page.getByRole('row', { name: /1 available stable/ }).waitFor();
    for (const title of ['Stages of a request', 'Sizes of batches', 'Learned latency', 'Signatures']) {
      await page.getByRole('region', { name: title }).waitFor();
    }
    await page.getByRole('img', { name: /Sizes of batches\. 1 rows: \d+ %/ }).waitFor();
    await page
      .getByRole('region', { name: 'Learned latency' })
      .getByText(/expected [1-9\d.]+/)
      .waitFor();
    await page
      .getByRole('region', { name: 'Stages of a request' })
      .getByText(/execute [1-9\d.]+/)
      .waitFor();
    await page.getByText('float32 [?, 64]').waitFor();
  });

  it('unloads a version when that is confirmed, and loads it again', async (t) => {
    const page = await openPage(t, at('#/models/half_plus_two'));
    await page.getByRole('button', { name: 'Unload version 1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('row', { name: /1 available/ }).waitFor();
    await page.getByRole('button', { name: 'Unload version 1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unload' }).click();
    await page.getByText('unloaded by hand').first().waitFor();
    await page.getByRole('button', { name: 'Load version 1', exact: true }).click();
    await page.getByRole('row', { name: /1 available/ }).waitFor();
    await page.getByRole('button', { name: 'Reload version 1' }).click();
    await sidecar.line((line) => line['action'] === 'reload');
    await page.getByRole('row', { name: /1 available/ }).waitFor();
  });
});

describe('versions that the policy does not want', () => {
  it('are shown, loaded by hand, and unloaded again', async (t) => {
    const page = await openPage(t, at('#/models/history'));
    await page.getByRole('row', { name: /^3 available/ }).waitFor();
    await page.getByRole('row', { name: /^2 on disk the version policy does not ask for it/ }).waitFor();
    await page.getByRole('button', { name: 'Load version 1', exact: true }).click();
    await page.getByRole('row', { name: /^1 available by hand/ }).waitFor();
    await page.getByRole('button', { name: 'Unload version 1' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Unload' }).click();
    await page.getByRole('button', { name: 'Load version 1', exact: true }).waitFor();
    await page.getByRole('row', { name: /^3 available/ }).waitFor();
  });
});

describe('the request list', () => {
  it('filters, holds still, and leads to a request’s waterfall and its batch mates', async (t) => {
    const page = await openPage(t, at('#/requests'));
    await page
      .getByRole('row', { name: /REST Predict digits 1 ok/ })
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByLabel('Outcome').selectOption('invalid_request');
    await page.waitForURL(/outcome=invalid_request/);
    await page
      .getByRole('row', { name: /invalid request/ })
      .first()
      .waitFor();
    await page
      .getByRole('row', { name: /Predict digits 1 ok/ })
      .first()
      .waitFor({ state: 'detached' });
    await page.locator('a.row-link').first().click();
    await page.getByText(/invalid request: /).waitFor();

    await page.goto(at('#/requests?outcome=ok&model=digits'));
    await page.locator('a.row-link').first().click();
    const waterfall = page.getByRole('region', { name: 'Where the time went' });
    await waterfall.getByRole('row', { name: /^execute/ }).waitFor();
    assert.equal(await waterfall.getByRole('row').count(), 8);
    await page.getByRole('region', { name: 'Batch' }).getByText('Started because').waitFor();
  });
});

describe('the playground', () => {
  it('takes a picture, shows the answer as bars, and the same call as code', async (t) => {
    const page = await openPage(t, at('#/playground/digits'));
    await page.locator('input[type=file]').setInputFiles('examples/digits/scans/00.png');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    const answer = page.getByRole('region', { name: 'Answer' });
    await answer.getByText(/Answered in/).waitFor();
    assert.equal(await answer.locator('.big-number').textContent(), String(SCANS[0]!.label));
    assert.equal(await answer.locator('.bars tr').count(), 10);
    const code = page.locator('pre.code');
    assert.match((await code.textContent())!, new RegExp(`^curl ${sidecar.rest}/v1/models/digits:predict`));
    await page.getByRole('button', { name: 'Python', exact: true }).click();
    assert.match((await code.textContent())!, /requests\.post/);
    await answer.getByRole('link', { name: 'Where the time went' }).click();
    await page.getByText('console').waitFor();
  });

  it('takes what is drawn', async (t) => {
    const page = await openPage(t, at('#/playground/digits'));
    await page.getByRole('button', { name: 'Clear' }).click();
    const box = (await page.getByRole('img', { name: 'What the model sees' }).boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height - 20, { steps: 12 });
    await page.mouse.up();
    const code = (await page.locator('pre.code').textContent())!;
    const [pixels] = (JSON.parse(/-d '(.*)'/.exec(code)![1]!) as { instances: number[][] }).instances;
    assert.equal(pixels!.length, 64);
    assert.ok(pixels!.filter((value) => value > 8).length >= 6, 'a line of light');
  });

  it('takes numbers and JSON, and says what is wrong', async (t) => {
    const page = await openPage(t, at('#/playground/half_plus_two'), { allowed: /400/ });
    const ask = page.getByRole('button', { name: 'Ask the model' });
    await page.getByLabel('Numbers for x').fill('four');
    await page.getByText('"four" is no number').waitFor();
    assert.equal(await ask.isDisabled(), true);
    await page.getByLabel('Numbers for x').fill('4');
    await ask.click();
    await page.locator('.big-number', { hasText: /^4$/ }).waitFor();
    await page.getByRole('button', { name: 'JSON' }).click();
    await page.getByLabel('JSON for x').fill('"four"');
    await ask.click();
    await page.getByRole('alert').getByText(/x/).waitFor();
  });

  it('asks Classify with a picture, shows classes as bars, and the call in three languages', async (t) => {
    const page = await openPage(t, at('#/playground/digits'));
    await page.getByLabel('Signature').selectOption('classify');
    await page.locator('input[type=file]').setInputFiles('examples/digits/scans/00.png');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    const answer = page.getByRole('region', { name: 'Answer' });
    await answer.getByText(/Answered in/).waitFor();
    assert.equal(await answer.locator('.bars tr').count(), 10);
    assert.equal(await answer.locator('.bars tr.best th').textContent(), String(SCANS[0]!.label));
    const code = page.locator('pre.code');
    assert.match((await code.textContent())!, new RegExp(`^curl ${sidecar.rest}/v1/models/digits:classify`));
    await page.getByRole('button', { name: 'Python' }).click();
    assert.match((await code.textContent())!, /ClassificationRequest\(\)[\s\S]*insecure_channel\("127\.0\.0\.1:\d+"\)/);
    await page.getByRole('button', { name: 'TypeScript' }).click();
    assert.match((await code.textContent())!, /digits:classify'/);
    await answer.getByRole('link', { name: 'Where the time went' }).click();
    await page.getByText('Classify over REST').waitFor();
  });

  it('keeps what is typed into a form before it has been painted', async (t) => {
    const page = await openPage(t, at('#/playground/examples'));
    await page.getByLabel('Numbers for x').waitFor();
    await page.evaluate(`(async () => {
      const [before, signature] = [document.querySelector('textarea'), document.querySelectorAll('select')[2]];
      signature.value = 'regress';
      signature.dispatchEvent(new Event('change', { bubbles: true }));
      for (let turn = 0; turn < 100 && document.querySelector('textarea') === before; turn++) await undefined;
      const numbers = document.querySelector('textarea');
      if (numbers === before) throw new Error('the form has not changed');
      numbers.value = '1, 2, 3, 4.5';
      numbers.dispatchEvent(new Event('input', { bubbles: true }));
    })()`);
    await page.locator('pre.code', { hasText: '"x":[1,2,3,4.5]' }).waitFor({ timeout: 5000 });
  });

  it('asks Regress with features that may be left out', async (t) => {
    const page = await openPage(t, at('#/playground/examples'));
    const ask = page.getByRole('button', { name: 'Ask the model' });
    const answer = page.getByRole('region', { name: 'Answer' });
    await page.getByLabel('Signature').selectOption('regress');
    await page.getByLabel('Numbers for x').fill('1, 2, 3, 4.5');
    await ask.click();
    await answer.locator('.big-number', { hasText: /^10\.5$/ }).waitFor();
    await page.getByLabel('Signature').selectOption('filled');
    const leaveOut = page.getByLabel('Leave out value (0.5)');
    assert.equal(await leaveOut.isChecked(), true);
    await ask.click();
    await answer.locator('.big-number', { hasText: /^2$/ }).waitFor();
    assert.match((await page.locator('pre.code').textContent())!, /"examples":\[\{\}\]/);
    await leaveOut.uncheck();
    await page.getByLabel('Numbers for value').fill('1, 1, 1');
    await page.getByText('3 numbers are here, 4 are wanted').waitFor();
    assert.equal(await ask.isDisabled(), true);
    await page.getByLabel('Numbers for value').fill('1, 1, 1, 1');
    await ask.click();
    await answer.locator('.big-number', { hasText: /^4$/ }).waitFor();
    await page.getByLabel('Signature').selectOption('renamed');
    await page.getByLabel('Leave out pixels').waitFor();
  });
});
