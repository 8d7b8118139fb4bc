/** Classify, Regress and MultiInference on both surfaces, and replays of their records. */
import type { Installation } from '../../kernel/installation.ts';
import { ExamplesCodec } from './examples-codec.ts';
import { examplesService } from './grpc-service.ts';
import { EXAMPLES_REPLAYS } from './replays.ts';
import { examplesPart } from './rest-part.ts';

export function installClassifyAndRegress({ models, surface }: Installation): void {
  for (const [type, replay] of EXAMPLES_REPLAYS) models.replays.set(type, replay);
  surface(({ resolver, maxMessageBytes: maxBytes, thread }) => {
    const codec = new ExamplesCodec(maxBytes, thread);
    return {
      grpc: (exchange) => [examplesService(resolver, codec, exchange)],
      rest: () => examplesPart({ resolver, codec, maxBytes, thread }),
    };
  });
}
