/** Has versions that take texts do so: their load, the layer of their runs, what operators see of them. */
import type { Installation } from '../../kernel/installation.ts';
import type { LayeredVersion } from '../../models/loading/layers.ts';
import type { VersionDraft } from '../../models/loading/load-steps.ts';
import type { ServableRunner } from '../../models/serving/servable.ts';
import { TOKENIZER_FILE, tokenizerProblem } from './files/text-files.ts';
import { TEXT } from './text-key.ts';
import { NO_TEXTS, TEXT_VERSION } from './version-facts.ts';

export function installText({ clock, logger, models, telemetry }: Installation): void {
  const parts = {
    clock,
    sandbox: () => models.sandbox,
    log: ({ model, version }: Pick<LayeredVersion, 'model' | 'version'>, text: string) =>
      logger.warn({ event: 'text', model: model.name, version: version.toString() }, text),
  };
  models.steps.push({
    stage: 'opened',
    // Only a server that has such a version loads what it needs.
    run: async (draft) => {
      if (await mayTakeTexts(draft)) await (await import('./text-version.ts')).openText(parts, draft);
    },
  });
  models.steps.push({ stage: 'views', run: (draft) => draft.facts.get(TEXT_VERSION)?.addViews(draft) });
  models.layers.runs.push((inner, version) => layer(inner, version));
  models.reportVersion('text', ({ facts }) => {
    const version = facts.get(TEXT_VERSION);
    if (version === undefined) return undefined;
    const { task, maxTokens } = version.facts;
    return { task, max_tokens: maxTokens, tokens: version.tokens };
  });
  telemetry.metrics.gauges.observeCounts(
    'pillion_text_tokens_total',
    'Tokens that texts were made into, special ones included.',
    () =>
      [...models.servables()].flatMap(({ name, version, facts }) => {
        const found = facts.get(TEXT_VERSION);
        return found === undefined
          ? []
          : [{ labels: { model: name, version: version.toString() }, value: found.tokens }];
      }),
  );

  function layer(inner: ServableRunner, { facts, signatures, warn }: LayeredVersion): ServableRunner {
    const why = facts.get(NO_TEXTS);
    if (why !== undefined) warn(`it takes no texts, though a tokenizer lies beside it: ${why}`);
    const version = facts.get(TEXT_VERSION);
    if (version === undefined) return inner;
    return version.layer(inner, signatures);
  }
}

async function mayTakeTexts({ modelFile, versionDirectory }: VersionDraft): Promise<boolean> {
  const declared = modelFile?.valueOf(TEXT);
  if (declared !== undefined) return declared !== 'off';
  return (await tokenizerProblem(versionDirectory, TOKENIZER_FILE)) !== 'does not exist';
}
