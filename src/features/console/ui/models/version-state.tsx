/** The state of a version, of its circuit breaker, and of a whole model, as chips. */
import type { ModelReport, VersionReport } from '../../../../admin/models-report.ts';
import { Chip } from '../parts.tsx';

const TONES = {
  AVAILABLE: 'good',
  LOADING: 'warn',
  START: 'warn',
  UNLOADING: 'warn',
  END: 'plain',
  UNKNOWN: 'plain',
} as const;

export function VersionChip({ version }: { version: VersionReport }) {
  if (version.left_out && version.state === 'END') return <Chip tone="plain">unloaded by hand</Chip>;
  if (version.error !== undefined) return <Chip tone="bad">failed</Chip>;
  const state = version.state.toLowerCase();
  return <Chip tone={TONES[version.state]}>{version.brought_in ? `${state} by hand` : state}</Chip>;
}

export function BreakerChip({ version }: { version: VersionReport }) {
  const state = version.breaker?.state;
  if (state === undefined) return <span class="muted">none</span>;
  return <Chip tone={state === 'closed' ? 'good' : state === 'open' ? 'bad' : 'warn'}>{state.replace('_', ' ')}</Chip>;
}

/** The states of a model's versions, for a cell of a table. */
export function stateOf({ versions, error }: ModelReport) {
  if (versions.length === 0) return <Chip tone={error === undefined ? 'plain' : 'warn'}>waiting</Chip>;
  const shown = versions.filter(({ state, left_out, error: failed }) => state !== 'END' || left_out || failed);
  return (
    <span class="chips">
      {(shown.length === 0 ? versions.slice(0, 1) : shown).map((version) => (
        <span key={version.version}>
          {version.version} <VersionChip version={version} />
        </span>
      ))}
    </span>
  );
}
