/** Builds h2spec, the HTTP/2 conformance tester, into .cache/bin: `node scripts/install-h2spec.mjs`. */
import { fileURLToPath } from 'node:url';
import { ensureGoProgram } from './lib/go-program.mjs';

export function ensureH2spec() {
  return ensureGoProgram({
    name: 'h2spec',
    directory: 'test/conformance/h2spec',
    main: 'github.com/summerwind/h2spec/cmd/h2spec',
    megabytes: 10,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = ensureH2spec();
  if (path === undefined) process.exit(1);
  console.log(path);
}
