/** A call as code to copy, with a long body as a file to download. */
import { useState } from 'preact/hooks';
import { Choices, saveFile } from '../parts.tsx';
import { BODY_FILE, isInline, KEY_VARIABLE, type RestTarget, socketOf } from './http-code.ts';

interface CodeViewProps<Language extends string> {
  readonly languages: readonly Language[];
  readonly codeOf: (language: Language) => string;
  readonly target: RestTarget;
  readonly body: string | undefined;
}

const COPIED_MS = 1500;

export function CodeView<Language extends string>({ languages, codeOf, target, body }: CodeViewProps<Language>) {
  const [wanted, setLanguage] = useState(languages[0]!);
  const [copied, setCopied] = useState<string>();
  const language = languages.includes(wanted) ? wanted : languages[0]!;
  const code = codeOf(language);
  const copy = (): void => {
    const tell = (text: string): void => {
      setCopied(text);
      setTimeout(() => setCopied(undefined), COPIED_MS);
    };
    // A page that was not loaded from this machine, or over TLS, has no clipboard.
    const copying = navigator.clipboard?.writeText(code) ?? Promise.reject(new Error('no clipboard'));
    copying.then(
      () => tell('Copied'),
      () => tell('Select it, and copy'),
    );
  };
  return (
    <>
      <div class="actions spread">
        <Choices label="Language" options={languages} chosen={language} choose={setLanguage} />
        <div class="actions">
          {body !== undefined && !isInline(body) && (
            <button type="button" onClick={() => saveFile(new Blob([body], { type: 'application/json' }), BODY_FILE)}>
              {BODY_FILE}
            </button>
          )}
          <button type="button" onClick={copy}>
            {copied ?? 'Copy'}
          </button>
        </div>
      </div>
      <pre class="code">
        <code>{code}</code>
      </pre>
      <CodeNotes target={target} language={language} />
    </>
  );
}

/** What the code needs, and the page does not know. */
function CodeNotes({ target: { rest, isTls, wantsKey }, language }: { target: RestTarget; language: string }) {
  const isCurl = language === 'curl';
  return (
    <>
      {wantsKey === true && (
        <p class="hint">
          Put your key into the environment variable <code>{KEY_VARIABLE}</code>; this page does not know it.
        </p>
      )}
      {isTls && (
        <p class="hint">
          The server’s certificate has to be trusted
          {isCurl && <>: --cacert FILE, if a system’s authority has not signed it</>}.
        </p>
      )}
      {socketOf(rest) !== undefined && !isCurl && (
        <p class="hint">The REST API listens on a Unix socket alone, which this client does not reach by itself.</p>
      )}
    </>
  );
}
