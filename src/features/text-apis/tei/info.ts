/** text-embeddings-inference's /info: what the model is, and the most that a request may hold. */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../../core/errors.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import type { ModelResolver } from '../../../proxy/handlers/model-resolver.ts';
import { VERSION } from '../../../version.ts';
import { TEXT_MODEL, TEXT_TASKS, type TextModel } from '../../text/exported/text-model.ts';
import type { SoleModel } from '../text-method.ts';

export function infoMethod({ models }: ModelResolver, sole: SoleModel): Method<Buffer, object> {
  const find = (spec: ModelSpec): object => {
    const handle = models.acquire(spec.name, spec);
    try {
      const { name, version, facts } = handle.servable;
      const model = facts.get(TEXT_MODEL);
      if (model === undefined) throw new ServingError('model_not_found', `model "${name}" takes no texts`);
      return infoOf(name, version.toString(), model);
    } finally {
      handle.release();
    }
  };
  return {
    name: 'GetModelMetadata',
    access: 'metadata',
    hasNoBody: true,
    decode: (_, path, context) => {
      const spec = path.name === '' ? sole(TEXT_TASKS, context) : path;
      return lookupCall(spec.name, () => find(spec));
    },
    encode: (info) => Buffer.from(JSON.stringify(info)),
  };
}

function infoOf(model: string, version: string, { task, labels, maxTokens, truncates, limits }: TextModel): object {
  const names = Object.fromEntries(labels.map((label, i) => [i, label]));
  const numbers = Object.fromEntries(labels.map((label, i) => [label, i]));
  const classifier = { id2label: names, label2id: numbers };
  const type =
    task === 'embedding' ? { embedding: {} } : task === 'reranking' ? { reranker: classifier } : { classifier };
  return {
    model_id: model,
    model_sha: null,
    model_version: version,
    model_type: type,
    task,
    max_input_length: maxTokens,
    max_batch_tokens: limits.tokens,
    max_client_batch_size: limits.texts,
    auto_truncate: truncates,
    version: VERSION,
  };
}
