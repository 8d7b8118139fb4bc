/** The devices that a model's process may open. */
import { existsSync, readdirSync } from 'node:fs';

const ALWAYS = ['null', 'zero', 'full', 'random', 'urandom'];
const ACCELERATORS = /^(?:nvidia|kfd$|dri$)/;

/** Paths of those that this machine has: sources of bytes, and accelerators. */
export function devicePaths(): readonly string[] {
  const accelerators = readdirSync('/dev').filter((name) => ACCELERATORS.test(name));
  return [...ALWAYS, ...accelerators].map((name) => `/dev/${name}`).filter((path) => existsSync(path));
}
