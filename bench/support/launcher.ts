/** How bin/pillion starts Node: what is measured and tested is what users start. */
import { readFileSync } from 'node:fs';

const LAUNCHER = new URL('../../../bin/pillion', import.meta.url);

/** Options of node's, as bin/pillion gives them. V8 takes the bundle's code cache under these alone. */
export const LAUNCH_FLAGS: readonly string[] = /^exec node (--.*) "\$main" "\$@"$/m
  .exec(readFileSync(LAUNCHER, 'utf8'))![1]!
  .split(' ');

/** The arguments that bin/pillion puts before `serve`, below the root of the checkout. */
export const LAUNCHED: readonly string[] = [...LAUNCH_FLAGS, 'dist/bundle/main.cjs'];

/** Options for free ports, for this machine alone. */
export const FREE_PORTS: readonly string[] = [
  '--port=0',
  '--rest_api_port=0',
  '--admin_port=0',
  '--bind_address=127.0.0.1',
];
