/** A model as callers find it: its versions, their states, and why one cannot be had. The lifecycle changes them. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Servable, ServableHandle, VersionStatus } from '../serving/servable.ts';
import type { VersionChoice } from '../versions/version-choice.ts';
import type { VersionRecord } from '../versions/version-record.ts';
import { idleOnDisk, versionStates } from '../versions/version-states.ts';
import type { VersionTable } from '../versions/version-table.ts';
import type { WantedVersions } from '../versions/wanted-versions.ts';
import { noVersionsYet, refusalOf, statusesOf } from './refusals.ts';
import { waitingReason } from './waiting-reason.ts';

/** Facts that the lifecycle knows beside its versions. */
export interface LookupFacts {
  readonly config: ModelConfig;
  /** Why the last poll found nothing to load. */
  readonly blockedReason: string | undefined;
  /** There will be no other poll before a reload. */
  readonly isFinal: boolean;
  readonly isRetired: boolean;
}

interface LookupOptions {
  readonly facts: () => LookupFacts;
  /** The base path is looked at, once at least. */
  readonly isPolled: boolean;
}

export class VersionLookup {
  readonly name: string;
  readonly #table: VersionTable;
  readonly #wanted: WantedVersions;
  readonly #options: LookupOptions;

  constructor(name: string, table: VersionTable, wanted: WantedVersions, options: LookupOptions) {
    this.name = name;
    this.#table = table;
    this.#wanted = wanted;
    this.#options = options;
  }

  get servables(): Iterable<Servable> {
    return this.#table.servables;
  }

  /** The version that `acquire` would lend; undefined where that throws. */
  find(choice: VersionChoice): Servable | undefined {
    return choice.version === undefined && choice.label === undefined ? this.#table.latest : this.#chosen(choice);
  }

  acquire(choice: VersionChoice): ServableHandle {
    const servable = this.find(choice);
    if (servable === undefined) throw this.#refusal(choice);
    return servable.borrow();
  }

  /** Highest version first; empty before the first is found. */
  get statuses(): readonly VersionStatus[] {
    return this.#table.statuses();
  }

  status(version: bigint | undefined): readonly VersionStatus[] {
    const { statuses } = this;
    if (statuses.length === 0) throw noVersionsYet(this.name, this.waitsFor());
    return statusesOf(this.name, version, statuses);
  }

  /** The states of all versions that status shows, as a text for comparing. */
  get versionStates(): string {
    return versionStates(this.#table, this.#wanted);
  }

  /** The version's record that is loading, which status hides while another record of the version is available. */
  loading(version: bigint): VersionRecord | undefined {
    return this.#table.loading(version);
  }

  /** The versions that the last poll found and that have no active record, highest first. */
  get onDisk(): readonly bigint[] {
    return idleOnDisk(this.#table, this.#wanted);
  }

  /** Says why the model is not ready. */
  waitsFor(): string {
    const { facts, isPolled } = this.#options;
    const { config, blockedReason } = facts();
    return waitingReason({ config, active: this.#table.active, wanted: this.#wanted, blockedReason, isPolled });
  }

  #chosen({ version, label }: VersionChoice): Servable | undefined {
    const wanted = label === undefined ? version! : this.#options.facts().config.versionLabels.get(label);
    return wanted === undefined ? undefined : this.#table.available(wanted);
  }

  #refusal(choice: VersionChoice): ServingError {
    const { ofPolicy, overrides } = this.#wanted;
    const { config, isRetired, isFinal } = this.#options.facts();
    return refusalOf(choice, {
      name: this.name,
      labels: config.versionLabels,
      statuses: this.#table.statuses(),
      isUnloadedByOperator: (version) => overrides.isUnloaded(version),
      isRetrying: this.#table.active.some((record) => record.lastFailure),
      hasFailedMember: this.#table.active.some(({ lastFailure }) => lastFailure?.attributes?.['memberFailed'] === true),
      isWaiting: !isRetired && ofPolicy.length === 0 && this.#table.latest === undefined,
      isFinal,
      waitsFor: () => this.waitsFor(),
    });
  }
}
