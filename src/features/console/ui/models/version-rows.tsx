/** Rows of the table of versions: for a version with a state, and for one that is only on disk. */
import type { ModelAction } from '../../../../admin/model-actions.ts';
import type { VersionReport } from '../../../../admin/models-report.ts';
import { versionFindings } from '../../../../admin/version-findings.ts';
import { bytes } from '../format.ts';
import { Chip } from '../parts.tsx';
import { runtimeWords } from './runtime-words.ts';
import { BreakerChip, VersionChip } from './version-state.tsx';

interface VersionRowProps {
  readonly version: VersionReport;
  /** All of its model. */
  readonly versions: readonly VersionReport[];
  /** It could be loaded. */
  readonly isOnDisk: boolean;
  readonly labels: readonly string[];
  readonly act: (action: ModelAction) => void;
}

export function VersionRow({ version, versions, isOnDisk, labels, act }: VersionRowProps) {
  const { memory, host, runtime, queue, state, error, load } = version;
  const isReloaded =
    state === 'AVAILABLE' && error === undefined && load !== undefined && load.last_failure === undefined;
  // The bound stands beside the numbers of which it is said.
  const findings = versionFindings(version, versions).filter(({ id }) => id !== 'bound');
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
        <td class="number">{memory === undefined ? '–' : memoryText(memory)}</td>
        <td>
          <BreakerChip version={version} />
        </td>
        <td class="number">{queue === undefined ? '–' : `${queue.rows} rows`}</td>
        <td class="buttons">
          <Actions version={version} isOnDisk={isOnDisk} act={act} />
        </td>
      </tr>
      <Detail text={runtime && runtimeWords(runtime)} />
      {findings.map(({ id, note }) => (
        <Detail key={note} text={note} isBad={id === 'version_failed'} />
      ))}
      {isReloaded && <Detail text="It is being reloaded." />}
    </>
  );
}

/** The memory that the load took, or else the size of the files, which is at least known. */
function memoryText({ resident_bytes, artifact_bytes }: NonNullable<VersionReport['memory']>) {
  if (resident_bytes !== undefined) return bytes(resident_bytes);
  return (
    <>
      not measured
      <div class="muted">{bytes(artifact_bytes)} of files</div>
    </>
  );
}

/** A line below the version's row. */
function Detail({ text, isBad = false }: { text: string | undefined; isBad?: boolean }) {
  if (text === undefined) return null;
  return (
    <tr class={isBad ? 'detail bad' : 'detail'}>
      <td />
      <td colSpan={7}>
        <div>{text}</div>
      </td>
    </tr>
  );
}

export function DiskRow({ version, load }: { version: string; load: () => void }) {
  return (
    <tr>
      <td class="number">{version}</td>
      <td>
        <Chip tone="plain">on disk</Chip>
      </td>
      <td colSpan={5} class="muted">
        the version policy does not ask for it
      </td>
      <td class="buttons">
        <button type="button" onClick={load} aria-label={`Load version ${version}`}>
          Load
        </button>
      </td>
    </tr>
  );
}

function hostText({ kind, restarts = 0 }: NonNullable<VersionReport['host']>, sessions: number | undefined): string {
  const copies = sessions === undefined ? '' : `, ${sessions} ${sessions === 1 ? 'copy' : 'copies'}`;
  const again = restarts === 0 ? '' : `, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`;
  return kind + copies + again;
}

function Actions({ version, isOnDisk, act }: Omit<VersionRowProps, 'labels' | 'versions'>) {
  const { state, left_out, brought_in, error } = version;
  const button = (action: ModelAction, text: string) => (
    <button type="button" onClick={() => act(action)} aria-label={`${text} version ${version.version}`}>
      {text}
    </button>
  );
  if (left_out) return button('load', 'Load');
  if (state === 'AVAILABLE') return [button('reload', 'Reload'), button('unload', 'Unload')];
  if (error !== undefined) return [button('reload', 'Try again'), brought_in && button('unload', 'Unload')];
  if (brought_in || state === 'LOADING' || state === 'START') return button('unload', 'Unload');
  if (state === 'END' && isOnDisk) return button('load', 'Load');
  return <span class="muted">–</span>;
}
