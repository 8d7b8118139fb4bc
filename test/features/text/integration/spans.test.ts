/** Spans of requests of texts, as a collector gets them, held against OpenTelemetry's package of names. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { hasFeature } from '../../../support/has-feature.ts';
import { modelDirectory } from '../../../support/local-app.ts';
import { startHttpReceiver } from '../../../support/otlp-receiver.ts';
import { SemanticConventions } from '../../../support/semantic-conventions.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { ENCODER, tokenizerFile } from '../text-models.ts';

afterEach(killSidecars);

const SERVER = 2;

it('tell the operation, the model and the tokens, and no text', { skip: !hasFeature('otlp') }, async (t) => {
  const receiver = await startHttpReceiver();
  t.after(() => receiver.close());
  const files = {
    'model.onnx': ENCODER,
    'tokenizer.json': tokenizerFile(),
    'pillion.yaml': 'text: {task: embedding, dimensions: [4]}',
  };
  const sidecar = await startSidecar([`--model=embedder=${modelDirectory(t, files)}`], {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  });
  const ask = async (body: object): Promise<void> => {
    const url = `${sidecar.rest}/v1/models/embedder:predict`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
  };
  await ask({ instances: ['a cat sat', 'ada', 'ada'] });
  await ask({ instances: [{ text: 'ada', dimensions: 4 }] });
  assert.equal(await sidecar.stop(), 0);

  const servers = receiver.spans.filter(({ kind }) => kind === SERVER);
  const told = servers.map(({ attributes }) =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith('gen_ai.'))),
  );
  const usual = {
    'gen_ai.operation.name': 'embeddings',
    'gen_ai.provider.name': 'pillion',
    'gen_ai.request.model': 'embedder',
  };
  assert.deepEqual(told, [
    { ...usual, 'gen_ai.usage.input_tokens': 11 },
    { ...usual, 'gen_ai.usage.input_tokens': 3, 'gen_ai.embeddings.dimension.count': 4 },
  ]);
  const conventions = new SemanticConventions();
  assert.deepEqual(
    Object.keys(told[1]!).flatMap((key) => conventions.faultOf(key) ?? []),
    [],
  );
  assert.ok(!JSON.stringify(receiver.spans).includes('a cat sat'));
});
