/** `pillion record`, GET /record, `pillion replay`: requests to files and back (docs/how-to/warm-up-and-records.md). */
import type { Feature } from '../../kernel/feature.ts';
import { recordCommand } from './record-command.ts';
import { replayCommand } from './replay-command.ts';

export const recordAndReplay = {
  name: 'record-and-replay',
  commands: [recordCommand, replayCommand],
  install: async (server) => (await import('./install.ts')).installRecording(server),
} satisfies Feature;
