/** Test files in one process, which loads what they share once. */
import { test } from 'node:test';

/** Imports each. One that cannot be imported is a test that fails by its name, and the others run. */
export async function importTests(urls) {
  for (const url of urls) {
    try {
      await import(url);
    } catch (error) {
      test(url, () => {
        throw error;
      });
    }
  }
}
