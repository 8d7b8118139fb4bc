/**
 * npm runs it before it packs a checkout, unless scripts are off (as .npmrc has it: "files" in package.json then leaves all
 * out but bin/pillion, which says the same). `npm run package` packs a folder of its own.
 */
import process from 'node:process';

console.error(`A checkout is not what is published. \`npm run package\` writes the package, with ONNX Runtime in it, to build/package/:

  npm run package
  npm publish build/package/pillion-*.tgz`);
process.exit(1);
