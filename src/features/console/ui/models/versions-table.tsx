/** The table of a model's versions, with an operator's actions; the versions that are only on disk come last. */
import { useState } from 'preact/hooks';
import type { ModelAction } from '../../../../admin/model-actions.ts';
import type { ModelDetail } from '../../../../admin/model-detail.ts';
import { operate } from '../api.ts';
import { ConfirmDialog, Empty, Failure, Scroll } from '../parts.tsx';
import { DiskRow, VersionRow } from './version-rows.tsx';

/** Most rows of versions that are only on disk: a model may have hundreds. */
const MOST_ON_DISK = 12;

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
  const { versions } = detail;
  const onDisk = new Set(detail.on_disk);
  const others = detail.on_disk.filter((version) => !versions.some((shown) => shown.version === version));
  if (versions.length + others.length === 0) return <Empty title="No version yet">{detail.error}</Empty>;
  return (
    <>
      {error !== undefined && <Failure error={error} />}
      {versions.length === 0 && <p class="hint">{detail.error}</p>}
      <Scroll label="Versions">
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
            {versions.map((version) => (
              <VersionRow
                key={version.version}
                version={version}
                versions={versions}
                isOnDisk={onDisk.has(version.version)}
                labels={labelsOf(detail, version.version)}
                act={(action) => (action === 'unload' ? setUnloading(version.version) : act(version.version, action))}
              />
            ))}
            {others.slice(0, MOST_ON_DISK).map((version) => (
              <DiskRow key={version} version={version} load={() => act(version, 'load')} />
            ))}
          </tbody>
        </table>
      </Scroll>
      {others.length > MOST_ON_DISK && (
        <p class="hint">
          {others.length - MOST_ON_DISK} more on disk, down to {others.at(-1)}; POST /models/{detail.name}
          /load?version=N loads one.
        </p>
      )}
      <ConfirmDialog
        isOpen={unloading !== undefined}
        title={`Unload version ${unloading ?? ''} of ${detail.name}?`}
        action="Unload"
        close={(isConfirmed) => {
          if (isConfirmed && unloading !== undefined) act(unloading, 'unload');
          setUnloading(undefined);
        }}
      >
        Requests in flight are answered. Later requests for it are refused, because there is no such version. No other
        version takes its place. It stays unloaded until it is loaded here again, or the server restarts.
      </ConfirmDialog>
    </>
  );
}

function labelsOf({ config }: ModelDetail, version: string): readonly string[] {
  return Object.entries(config.labels)
    .filter(([, labelled]) => labelled === version)
    .map(([label]) => label);
}
