/**
 * Paths of one model, for the console and for operators.
 *
 *   GET  /models/NAME                       one model in detail (model-detail.ts)
 *   GET  /models/NAME/samples[?version=N]   inputs to try and names of classes, as the version's files have
 *   POST /models/NAME/reload|unload|load    an operator's action on a version (model-actions.ts)
 */
import { ServingError } from '../core/errors.ts';
import type { Logger } from '../ledger/log/log.ts';
import type { ModelManager } from '../models/lifecycle/model-manager.ts';
import { type AdminPath, type Asked, sendJson } from './admin-path.ts';
import { type ModelAction, operate, readVersion } from './model-actions.ts';
import { modelDetail, samplesDetail } from './model-detail.ts';

/** NAME is percent-encoded. */
export function modelPaths(models: ModelManager, logger: Logger): readonly AdminPath[] {
  return [
    {
      ...{ method: 'GET', path: '/models/NAME', matches: /^\/models\/([^/]+)$/, isJson: true },
      answer({ match, response }) {
        const name = decode(match[1]!);
        sendJson(response, modelDetail(name, models) ?? notServed(name));
      },
    },
    {
      ...{ method: 'GET', path: '/models/NAME/samples', matches: /^\/models\/([^/]+)\/samples$/, isJson: true },
      answer({ match, query, response }) {
        const name = decode(match[1]!);
        const version = readVersion(query.get('version'));
        sendJson(response, samplesDetail(name, version, models) ?? notServed(name, version));
      },
    },
    {
      ...{
        method: 'POST',
        path: '/models/NAME/reload',
        matches: /^\/models\/([^/]+)\/(reload|unload|load)$/,
        isJson: true,
      },
      says: 'also /unload, /load: ?version=N',
      audited: ({ match, query }) => ({
        method: match[2]!,
        model: decodedOrNot(match[1]!),
        version: query.get('version') ?? undefined,
      }),
      answer: (asked) => act(models, logger, asked),
    },
  ];
}

async function act(models: ModelManager, logger: Logger, { match, query, response }: Asked): Promise<void> {
  const asked = { model: decode(match[1]!), action: match[2] as ModelAction, version: query.get('version') };
  sendJson(response, await operate(models, logger, asked), 202);
}

function notServed(name: string, version?: bigint): never {
  const what = version === undefined ? '' : `, version ${version},`;
  throw new ServingError('model_not_found', `no model ${JSON.stringify(name)}${what} is served`);
}

function decodedOrNot(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw new ServingError('invalid_request', 'the path has a % that begins no escape of UTF-8; write % itself as %25');
  }
}
