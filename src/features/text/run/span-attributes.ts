/**
 * Describes a request of texts by OpenTelemetry's conventions for generative AI, which are experimental:
 * https://github.com/open-telemetry/semantic-conventions-genai. Texts are never told.
 */
import type { EventAttributes } from '../../../ledger/request-record.ts';
import type { TextTask } from '../exported/text-model.ts';

/** The conventions know the first alone. */
const OPERATIONS: Readonly<Record<TextTask, string>> = {
  embedding: 'embeddings',
  classification: 'classification',
  'token-classification': 'token_classification',
  reranking: 'rerank',
  'fill-mask': 'fill_mask',
};

export interface TextFacts {
  readonly task: TextTask;
  /** The name of the model, as it is configured. */
  readonly model: string;
  /** Tokens of all texts of the request, special ones included. */
  readonly tokens: number;
  /** The width that was asked for; 0 = the model's own. */
  readonly dimensions: number;
}

export function spanAttributes({ task, model, tokens, dimensions }: TextFacts): EventAttributes {
  return {
    'gen_ai.operation.name': OPERATIONS[task],
    'gen_ai.provider.name': 'pillion',
    'gen_ai.request.model': model,
    'gen_ai.usage.input_tokens': tokens,
    ...(dimensions > 0 && { 'gen_ai.embeddings.dimension.count': dimensions }),
  };
}
