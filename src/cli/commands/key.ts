import { type Command, UsageError } from '../../kernel/command.ts';

export const keyCommand: Command = {
  name: 'key',
  shown: 'key new',
  usage: ['key new              makes an API key or a token, and the hash of it that an authorization file wants'],
  words: ['new'],
  help: () => `pillion key new: makes an API key or a token of 256 random bits

  pillion key new >ranker.key
  (umask 077; pillion key new >/etc/pillion/admin.token)

The key goes to standard output. Its hash goes to standard error: an authorization file has the hash, so that who reads
the file does not have the key. src/features/authorization/README.md shows the file.
`,
  async run(args) {
    if (args.join(' ') !== 'new') throw new UsageError(['pillion key wants "new", and nothing else'], 'key');
    (await import('../key.ts')).printNewKey();
    return 0;
  },
};
