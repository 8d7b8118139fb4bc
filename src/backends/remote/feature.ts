/** Models that another server runs: docs/how-to/remote-models.md. */
import type { Feature } from '../../kernel/feature.ts';
import { siblingModule } from '../host/sibling-module.ts';
import { hasRemoteFile } from './has-remote-file.ts';

export const remote = {
  name: 'remote',
  backends: [
    {
      kind: 'remote',
      module: siblingModule(import.meta.url, './remote-backend').href,
      isElsewhere: true,
      looksFor: 'remote.yaml, which names another server',
      probe: hasRemoteFile,
    },
  ],
} satisfies Feature;
