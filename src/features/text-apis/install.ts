/** Adds the paths of these APIs to the REST port. */
import type { Installation } from '../../kernel/installation.ts';
import { textPart } from './text-part.ts';

export function installTextApis(server: Installation): void {
  server.surface((parts) => ({ rest: () => textPart(parts) }));
}
