/**
 * POST /models/NAME/reload, /unload and /load, each with ?version=N (default: the highest that GET /models shows): an
 * operator's action on one version. 202 means that it was accepted; GET /models shows its outcome.
 *
 *   reload   loads the version again beside the one that serves, then swaps them; retries a failed load
 *   unload   unloads it until /load or the end of the process; nothing replaces it, and requests are told why
 *   load     loads it, whatever the version policy says, until /unload; refused if it is not on disk or does not fit
 */
import { ServingError } from '../core/errors.ts';
import type { Logger } from '../ledger/log/log.ts';
import type { VersionStatus } from '../models/serving/servable.ts';
import type { VersionChoice } from '../models/versions/version-choice.ts';

export type ModelAction = 'reload' | 'unload' | 'load';

/** The part of ModelManager that is used. */
export interface OperatedModels {
  status(name: string, choice: VersionChoice): readonly VersionStatus[];
  operate(name: string, version: bigint, action: ModelAction): Promise<void>;
}

export interface ActionTaken {
  readonly model: string;
  readonly version: string;
  readonly action: ModelAction;
}

/** `version` is the query's parameter; null means the highest version. Rejects with ServingError. */
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

/** The version's number in a query; undefined for null. Throws ServingError `invalid_request`. */
export function readVersion(text: string | null): bigint | undefined {
  if (text === null) return undefined;
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new ServingError('invalid_request', `version=${JSON.stringify(text.slice(0, 40))} wants a whole number`);
}
