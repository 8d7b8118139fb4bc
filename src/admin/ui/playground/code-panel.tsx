/** The call as code, to be copied; a long body as a file. */
import { useState } from 'preact/hooks';
import type { FeatureDetail } from '../../feature-detail.ts';
import { about } from '../live.ts';
import { Choices } from '../parts.tsx';
import { saveFile } from '../save-file.ts';
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
  const told = about.value;
  const target = {
    ...{ rest: told?.rest ?? [], isTls: told?.rest_is_tls ?? false },
    ...{ grpc: told?.grpc ?? [], isGrpcTls: told?.grpc_is_tls ?? false },
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
