/**
 * The flags that bin/pillion gives Node, read from there: V8 takes a code cache only under the flags that it was made
 * with.
 */
import { readFileSync } from 'node:fs';

const launcher = readFileSync(new URL('../../../bin/pillion', import.meta.url), 'utf8');
const [, flags] = /^exec node (--.*) "\$main" "\$@"$/m.exec(launcher) ?? [];
if (flags === undefined) throw new Error('bin/pillion does not start Node as it did');

export const LAUNCH_FLAGS = flags.split(' ');
