/** Builds who may do what: the authorization file's policy, the operators' token, the audit log; and reads them anew. */
import { AuthorizationFile } from '../../access/access-control.ts';
import { AccessPolicy } from '../../access/access-policy.ts';
import { watchPolicy } from '../../access/policy-watch.ts';
import { Operators } from '../../admin/operators.ts';
import type { Authorization } from '../../config/authorization/authorization.ts';
import { authorizationConflicts } from '../../config/authorization/conflicts.ts';
import { readConfigFile } from '../../config/config-file.ts';
import { secretIn } from '../../config/secret-file.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { FileWatch } from '../../files/file-watch.ts';
import { type AuditFile, openAuditFile } from '../../ledger/log/audit-file.ts';
import { AuditLog } from '../../ledger/log/audit-log.ts';
import type { Logger, RootLogger } from '../../ledger/log/log.ts';

export class Access {
  readonly audit: AuditLog;
  readonly operators: Operators;
  /** Undefined without an authorization file. */
  readonly control: AuthorizationFile | undefined;
  readonly #auditFile: AuditFile | undefined;
  readonly #watch: FileWatch | undefined;
  readonly #tokenFile: string;
  readonly #logger: Logger;

  /** Throws if the audit log's file cannot be opened. */
  constructor(config: ServeConfig, logger: RootLogger) {
    const { options, authorization, adminToken } = config;
    this.#logger = logger;
    this.#tokenFile = options.admin_token_file;
    this.#auditFile = openAudit(options.audit_log_file, logger);
    this.audit = new AuditLog(this.#auditFile?.logger ?? logger.steady(), systemClock);
    this.operators = new Operators(adminToken, this.audit);
    if (authorization === undefined) return;
    const control = new AuthorizationFile(new AccessPolicy(authorization, systemClock), systemClock, this.audit);
    this.control = control;
    this.#watch = createWatch(config, authorization, control, logger);
  }

  start(): void {
    this.#watch?.start();
  }

  /** Reads the files anew; the log has the outcome. */
  reread(): void {
    this.#auditFile?.reopen();
    void this.#watch?.reread();
    if (this.#tokenFile === '') return;
    const { token, error } = secretIn(this.#tokenFile, readConfigFile(this.#tokenFile));
    if (token === undefined) this.#logger.error({ event: 'admin_token' }, `the token before stays: ${error}`);
    else this.operators.token = token;
  }

  async close(): Promise<void> {
    this.#watch?.stop();
    this.audit.close();
    await this.#auditFile?.close();
  }
}

function openAudit(path: string, logger: Logger): AuditFile | undefined {
  if (path === '') return undefined;
  const onError = (error: Error): void =>
    logger.error({ event: 'audit_log', err: error }, 'the audit log cannot be written');
  try {
    return openAuditFile(path, systemClock, onError);
  } catch (error) {
    const text = `--audit_log_file=${path}: ${(error as Error).message}; name a file, not a link, that can be written`;
    throw new Error(text, { cause: error });
  }
}

function createWatch(
  { options, tls }: ServeConfig,
  start: Authorization,
  control: AuthorizationFile,
  logger: Logger,
): FileWatch {
  const { authorization_file: path, authorization_file_poll_wait_seconds: seconds } = options;
  const fields = { event: 'authorization', source: path };
  return watchPolicy({
    path,
    start,
    pollMs: seconds * 1000,
    clock: systemClock,
    check: (authorization) => authorizationConflicts(path, authorization, tls?.config),
    onRead: (authorization) => {
      control.policy = new AccessPolicy(authorization, systemClock);
      logger.info({ ...fields, principals: authorization.rules.principals.length }, `new rules from ${path}`);
    },
    onInvalid: (errors) =>
      logger.error({ ...fields, errors }, `${path} is not taken, the rules before stay: ${errors.join('; ')}`),
  });
}
