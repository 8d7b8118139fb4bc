/** Versions of a model, and what an operator may do with each. */
import { useState } from 'preact/hooks';
import type { ModelAction } from '../model-actions.ts';
import type { ModelDetail } from '../model-detail.ts';
import type { VersionReport } from '../models-report.ts';
import { operate } from './api.ts';
import { ConfirmDialog } from './confirm-dialog.tsx';
import { bytes } from './format.ts';
import { Empty, Failure } from './parts.tsx';
import { runtimeWords, shadowWords } from './runtime-words.ts';
import { BreakerChip, VersionChip } from './version-state.tsx';

export function VersionsTable({ detail, refresh }: { detail: ModelDetail; refresh: () => void }) {
  const [error, setError] = useState<Error>();
  const [unloading, setUnloading] = useState<string>();
  const act = (version: string, action: ModelAction): void => {
    operate(detail.name, version, action).then(
      () => {
        setError(undefined);
        refresh();
      },
      (thrown: unknown) => setError(thrown as Error),
    );
  };
  if (detail.versions.length === 0) return <Empty title="No version yet">{detail.error}</Empty>;
  return (
    <>
      {error !== undefined && <Failure error={error} />}
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th class="number">Version</th>
              <th>State</th>
              <th>Labels</th>
              <th>Runs</th>
              <th class="number">Memory</th>
              <th>Breaker</th>
              <th class="number">Waiting</th>
              <th class="buttons">Actions</th>
            </tr>
          </thead>
          <tbody>
            {detail.versions.map((version) => (
              <VersionRow
                key={version.version}
                version={version}
                labels={labelsOf(detail, version.version)}
                act={(action) => (action === 'unload' ? setUnloading(version.version) : act(version.version, action))}
              />
            ))}
          </tbody>
        </table>
      </div>
      <ConfirmDialog
        isOpen={unloading !== undefined}
        title={`Unload version ${unloading ?? ''} of ${detail.name}?`}
        action="Unload"
        close={(isConfirmed) => {
          if (isConfirmed && unloading !== undefined) act(unloading, 'unload');
          setUnloading(undefined);
        }}
      >
        Requests under way are answered; those that come later and ask for it are told that there is no such version. No
        other version takes its place. It stays out until it is loaded here again, or the server restarts.
      </ConfirmDialog>
    </>
  );
}

function labelsOf({ config }: ModelDetail, version: string): readonly string[] {
  return Object.entries(config.labels)
    .filter(([, labelled]) => labelled === version)
    .map(([label]) => label);
}

interface RowProps {
  readonly version: VersionReport;
  readonly labels: readonly string[];
  readonly act: (action: ModelAction) => void;
}

function VersionRow({ version, labels, act }: RowProps) {
  const { memory, host, runtime, shadow, queue, error } = version;
  return (
    <>
      <tr>
        <td class="number">{version.version}</td>
        <td>
          <VersionChip version={version} />
        </td>
        <td>{labels.length === 0 ? <span class="muted">none</span> : labels.join(', ')}</td>
        <td title={host?.reason}>
          {host === undefined ? '–' : hostText(host, memory?.sessions)}
          {runtime !== undefined && <div class="muted">{runtime.kind}</div>}
        </td>
        <td class="number">{bytes(memory?.resident_bytes ?? memory?.artifact_bytes)}</td>
        <td>
          <BreakerChip version={version} />
        </td>
        <td class="number">{queue === undefined ? '–' : `${queue.rows} rows`}</td>
        <td class="buttons">
          <Actions version={version} act={act} />
        </td>
      </tr>
      <Detail text={runtime && runtimeWords(runtime)} />
      <Detail text={shadow && shadowWords(shadow)} />
      <Detail text={error?.message} />
    </>
  );
}

/** A line below the version's own. */
function Detail({ text }: { text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <tr class="detail">
      <td />
      <td colSpan={7}>{text}</td>
    </tr>
  );
}

function hostText({ kind, restarts = 0 }: NonNullable<VersionReport['host']>, sessions: number | undefined): string {
  const copies = sessions === undefined ? '' : `, ${sessions} ${sessions === 1 ? 'copy' : 'copies'}`;
  const again = restarts === 0 ? '' : `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`;
  return kind + copies + again;
}

function Actions({ version, act }: Omit<RowProps, 'labels'>) {
  const { state, left_out, error } = version;
  const button = (action: ModelAction, text: string) => (
    <button type="button" onClick={() => act(action)} aria-label={`${text} version ${version.version}`}>
      {text}
    </button>
  );
  if (left_out) return button('load', 'Load');
  if (state === 'AVAILABLE') return [button('reload', 'Reload'), button('unload', 'Unload')];
  if (error !== undefined) return button('reload', 'Try again');
  return <span class="muted">–</span>;
}
