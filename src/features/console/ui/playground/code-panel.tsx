/** The call as code to copy, with a long body as a file to download. */
import { useState } from 'preact/hooks';
import type { FeatureDetail } from '../../../../admin/feature-detail.ts';
import { about } from '../live.ts';
import { Choices, saveFile } from '../parts.tsx';
import { BODY_FILE, isInline, SAMPLE_LANGUAGES, type SampleLanguage, sample } from './code-samples.ts';
import type { Verb } from './signature-form.ts';

interface CodePanelProps {
  readonly model: string;
  readonly version: string | undefined;
  readonly verb: Verb;
  readonly features: readonly FeatureDetail[];
  readonly body: string;
}

const COPIED_MS = 1500;

export function CodePanel({ model, version, verb, features, body }: CodePanelProps) {
  const [language, setLanguage] = useState<SampleLanguage>('curl');
  const [isCopied, setCopied] = useState(false);
  const server = about.value;
  const target = {
    rest: server?.rest ?? [],
    prefix: server?.inference_path_prefix ?? '',
    isTls: server?.rest_is_tls ?? false,
    grpc: server?.grpc ?? [],
    isGrpcTls: server?.grpc_is_tls ?? false,
    ...{ model, version, verb, features },
  };
  const code = sample(language, target, body);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(code);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <>
      <div class="actions spread">
        <Choices label="Language" options={SAMPLE_LANGUAGES} chosen={language} choose={setLanguage} />
        <div class="actions">
          {!isInline(body) && (
            <button type="button" onClick={() => saveFile(new Blob([body], { type: 'application/json' }), BODY_FILE)}>
              {BODY_FILE}
            </button>
          )}
          <button type="button" onClick={() => void copy()}>
            {isCopied ? 'Copied' : 'Copy'}
          </button>
        </div>
      </div>
      <pre class="code">
        <code>{code}</code>
      </pre>
    </>
  );
}
