/** One model's versions as a line of text: it changes when the report that operators see changes. */
import type { VersionTable } from './version-table.ts';
import type { WantedVersions } from './wanted-versions.ts';

/** `3 AVAILABLE, 2 END unloaded by an operator, 1 AVAILABLE loaded by an operator; on disk 2` */
export function versionStates(table: VersionTable, wanted: WantedVersions): string {
  const notes = (version: bigint): string => {
    const action = wanted.overrides.isUnloaded(version)
      ? 'unloaded'
      : wanted.isLoadedByOperator(version)
        ? 'loaded'
        : '';
    const note = action && ` ${action} by an operator`;
    const load = table.loading(version);
    return load === undefined ? note : `${note} loads${load.lastFailure === undefined ? '' : ' again'}`;
  };
  const shown = table.statuses().map(({ version, state }) => `${version} ${state}${notes(version)}`);
  const onDisk = idleOnDisk(table, wanted);
  return shown.join(', ') + (onDisk.length === 0 ? '' : `; on disk ${onDisk.join(', ')}`);
}

/** The versions that the last poll found and that have no active record, highest first. */
export function idleOnDisk(table: VersionTable, wanted: WantedVersions): readonly bigint[] {
  return wanted.onDisk.filter((version) => !table.active.some((record) => record.version === version));
}
