/** The console of a server that wants a token: asks for it, keeps it in its tab, and works with it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newKey } from '../../src/cli/key.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { openPage } from './browser.ts';

after(killSidecars);

test('the page asks for the token, and shows everything once it has it', async (t) => {
  const { key } = newKey();
  const file = join(tempDirectory(t), 'token');
  writeFileSync(file, key);
  const sidecar = await startSidecar([...DIGITS, `--admin_token_file=${file}`]);
  const page = await openPage(t, sidecar.admin, { allowed: /401 \(Unauthorized\)/ });
  const field = page.getByLabel('The token that is in the file of --admin_token_file');
  await page.getByText('Token wanted', { exact: true }).waitFor();
  await field.fill('wrong-token-of-some-length');
  await page.getByRole('button', { name: 'Open' }).click();
  // It is refused, and asked for again.
  await page.getByRole('button', { name: 'Open' }).waitFor();
  await field.fill(` ${key} `);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByText('Ready', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'digits' }).first().click();
  await page.getByRole('button', { name: 'Unload' }).first().waitFor();
  await page.reload();
  await page.getByText('Ready', { exact: true }).waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  const other = await page.context().newPage();
  await other.goto(sidecar.admin);
  await other.getByRole('button', { name: 'Open' }).waitFor();
  await sidecar.stop();
});
