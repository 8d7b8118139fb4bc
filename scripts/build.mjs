/** npm run build: the product in dist/. */
import { ensureBuilt } from './lib/setup.mjs';

ensureBuilt();
