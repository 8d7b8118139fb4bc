/** Builds the operators' server, of the kernel's paths and those of features. */
import { AdminServer } from '../../admin/admin-server.ts';
import { callersReport, callersSource, type ReportedCallers } from '../../admin/callers-report.ts';
import { modelPaths } from '../../admin/model-paths.ts';
import { modelsReport } from '../../admin/models-report.ts';
import { Operators } from '../../admin/operators.ts';
import { serverPaths } from '../../admin/server-paths.ts';
import { systemClock } from '../../core/clock.ts';
import type { ConnectionGate } from '../../proxy/net/connection-gate.ts';
import type { AdminParts } from '../installation.ts';
import type { Installer } from './installer.ts';
import { processPlan } from './models.ts';

interface AdminServerParts extends Omit<AdminParts, 'look'> {
  readonly gate: ConnectionGate;
  readonly callers: ReportedCallers;
  readonly installed: Installer;
}

export function createAdmin(parts: AdminServerParts): AdminServer {
  const { installed, machine, models, callers, gate, onInternalError } = parts;
  const { config, logger, readiness } = installed;
  const waitsFor = (): readonly string[] => [...models.waitsFor(), ...installed.waitsFor()];
  const look = installed.lookOf(parts);
  // The shares come before what features say of callers.
  installed.reports.unshift(callersSource(callers, systemClock));
  const own = serverPaths({
    ...{ readiness, waitsFor },
    models: () => {
      const plan = processPlan(config.options, machine);
      return { ...modelsReport(models, readiness.isReady, plan, look()), waits_for: waitsFor() };
    },
    callers: () => callersReport(callers, systemClock.nowMs()),
  });
  const paths = [...own, ...modelPaths(models, logger), ...installed.adminPathsOf({ ...parts, look })];
  const operators = new Operators(config.adminToken, installed.audit);
  const { admin_token_file: file } = config.options;
  if (file !== '') installed.service({ reread: () => operators.reread(file, logger) });
  return new AdminServer({ paths, gate, operators, onInternalError });
}
