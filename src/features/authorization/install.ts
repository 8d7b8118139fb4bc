/** The access control that `--authorization_file` asks for, and the watch on the file. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { FileWatch } from '../../files/file-watch.ts';
import type { Installation } from '../../kernel/installation.ts';
import { FileAccessControl } from './access-control.ts';
import { AccessPolicy } from './access-policy.ts';
import type { Authorization } from './authorization.ts';
import { AUTHORIZATION, authorizationConflicts } from './check-options.ts';
import { AUTHORIZATION_OPTIONS } from './options.ts';
import { watchPolicy } from './policy-watch.ts';

export function installAuthorization(server: Installation, path: string): void {
  const { config, clock, audit } = server;
  const start = config.facts.get(AUTHORIZATION);
  // Nobody may be served unasked because of a mistake here.
  if (start === undefined) throw new Error(`${path} was not read`);
  const control = new FileAccessControl(new AccessPolicy(start, clock), clock, audit);
  server.controlAccess(control);
  const watch = createWatch(server, path, start, control);
  server.service({
    start: () => watch.start(),
    reread: () => void watch.reread(),
    close: () => watch.stop(),
  });
}

function createWatch(
  { config, clock, logger }: Installation,
  path: string,
  start: Authorization,
  control: FileAccessControl,
): FileWatch {
  const { authorization_file_poll_wait_seconds: seconds } = optionsOf(config, AUTHORIZATION_OPTIONS);
  const fields = { event: 'authorization', source: path };
  return watchPolicy({
    path,
    start,
    pollMs: seconds * 1000,
    clock,
    check: (authorization) => authorizationConflicts(path, authorization, config.tls),
    onRead: (authorization) => {
      control.policy = new AccessPolicy(authorization, clock);
      logger.info({ ...fields, principals: authorization.rules.principals.length }, `new rules from ${path}`);
    },
    onInvalid: (errors) =>
      logger.error({ ...fields, errors }, `${path} is not taken, the rules before stay: ${errors.join('; ')}`),
  });
}
