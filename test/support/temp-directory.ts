/** A directory for one test, gone when the test is. */
export { tempDirectory } from '../../src/api/contract/temp-directory.ts';
