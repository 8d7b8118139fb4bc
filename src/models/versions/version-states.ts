/** One model's versions in a line, for comparing: what an operator is shown has changed when this has. */
import type { VersionTable } from './version-table.ts';
import type { WantedVersions } from './wanted-versions.ts';

/** `3 AVAILABLE, 2 END left out, 1 AVAILABLE brought in; on disk 2` */
export function versionStates(table: VersionTable, wanted: WantedVersions): string {
  const notes = (version: bigint): string => {
    const wish = wanted.overrides.isLeftOut(version) ? ' left out' : wanted.isBroughtIn(version) ? ' brought in' : '';
    const load = table.rising(version);
    return load === undefined ? wish : `${wish} loads${load.lastFailure === undefined ? '' : ' again'}`;
  };
  const shown = table.statuses().map(({ version, state }) => `${version} ${state}${notes(version)}`);
  const onDisk = idleOnDisk(table, wanted);
  return shown.join(', ') + (onDisk.length === 0 ? '' : `; on disk ${onDisk.join(', ')}`);
}

/** Versions that the last look found and that have no life, highest first. */
export function idleOnDisk(table: VersionTable, wanted: WantedVersions): readonly bigint[] {
  return wanted.onDisk.filter((version) => !table.living.some((record) => record.version === version));
}
