/**
 * POST /models/NAME/reload, /unload and /load, each with ?version=N (by default the highest that is shown): an operator's
 * word on one version. It is taken, and 202 says so; what becomes of it GET /models tells.
 *
 *   reload   loads it anew beside the life that serves, then swaps; one that failed is tried again
 *   unload   takes it out until /load or the end of the process; nothing takes its place, requests hear why
 *   load     brings it in, whatever the version policy says, until /unload; refused if it is not on disk or does not fit
 */
import type { VersionStatus } from '../models/serving/servable.ts';
import type { VersionChoice } from '../models/versions/version-choice.ts';
import type { Logger } from '../telemetry/log/log.ts';
import { readVersion } from './version-parameter.ts';

const MODEL_ACTIONS = ['reload', 'unload', 'load'] as const;
export type ModelAction = (typeof MODEL_ACTIONS)[number];

/** The part of ModelManager that acts. */
export interface OperatedModels {
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
  operate(name: string, version: bigint, action: ModelAction): Promise<void>;
}

export interface ActionTaken {
  readonly model: string;
  readonly version: string;
  readonly action: ModelAction;
}

export function isModelAction(text: string): text is ModelAction {
  return MODEL_ACTIONS.some((action) => action === text);
}

/** `version` as it was sent; null = the highest shown. Rejects with ServingError. */
export async function operate(
  models: OperatedModels,
  logger: Logger,
  { model, action, version }: { readonly model: string; readonly action: ModelAction; readonly version: string | null },
): Promise<ActionTaken> {
  const number = readVersion(version) ?? models.status(model, {})[0]!.version;
  await models.operate(model, number, action);
  const taken = { model, version: number.toString(), action };
  logger.info({ event: 'operator', ...taken }, `an operator asked to ${action} version ${number} of model "${model}"`);
  return taken;
}
