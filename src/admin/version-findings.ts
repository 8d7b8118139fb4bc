/**
 * Finds, in the report of one version, what keeps it from being served, or from being served well. `pillion doctor`
 * prints the advice, `pillion status` and the console print the note. Pure.
 */

import { showNumber } from '../ledger/quantities.ts';
import type { SignatureReport, VersionReport } from './models-report.ts';
import type { ShadowReport } from './runtime-report.ts';

/** Clauses in plain words, without a full stop. */
export interface Advice {
  /** The problem, with its numbers. */
  readonly what: string;
  readonly why: string;
  /** One thing to do. */
  readonly change: string;
}

export interface VersionFinding {
  /** The id; src/features/doctor/README.md lists those with advice. It is stable, because scripts may look for it. */
  readonly id: string;
  /** One line behind the version's name; absent = the advice says it better. */
  readonly note?: string | undefined;
  /** Absent = it is as somebody wanted it, or passes. */
  readonly advice?: Advice | undefined;
}

/**
 * The findings in the order of `pillion status`. `versions`: those of its model. Without `isBatching`, which holds for
 * the whole server, none is about how requests share runs.
 */
export function versionFindings(
  version: VersionReport,
  versions: readonly VersionReport[],
  isBatching = true,
): readonly VersionFinding[] {
  const { breaker, shadow, bound, signatures = [], warnings = [], notes = [] } = version;
  const breakerIs = breaker === undefined || breaker.state === 'closed' ? undefined : breaker.state.replace('_', ' ');
  return [
    ...warnings.map((warning) => warned(version, warning)),
    ...notes.map((note) => ({ id: 'version_noted', note })),
    ...(isBatching ? signatures.flatMap((signature) => signatureFindings(signature, version)) : []),
    ...(breakerIs === undefined
      ? []
      : [{ id: 'breaker_open', note: `its circuit breaker is ${breakerIs}: ${breaker?.reason ?? ''}` }]),
    ...(shadow === undefined ? [] : [{ id: 'shadow', note: shadowNote(shadow) }]),
    ...(bound === undefined ? [] : [{ id: 'bound', note: `bound: ${bound.sentence}` }]),
    ...overridden(version),
    ...failed(version, versions),
  ];
}

/** A warning is "finding; advice"; the advice may be missing. */
function warned({ version }: VersionReport, warning: string): VersionFinding {
  const at = warning.lastIndexOf('; ');
  const [why, change] =
    at < 0 ? [warning, 'look at the log of its load'] : [warning.slice(0, at), warning.slice(at + 2)];
  return {
    id: 'version_warned',
    note: warning,
    advice: { what: `version ${version} is served with a warning`, why, change },
  };
}

/** The note about batches; none if requests share them, of different lengths too if they are to. */
function signatureFindings(
  { name, batch_axis, reason, fix, disproof, padding }: SignatureReport,
  { version }: VersionReport,
): readonly VersionFinding[] {
  const findings: VersionFinding[] = [];
  if (disproof !== undefined) {
    findings.push({
      id: 'batch_axis_disproved',
      note: `the declared batch axis of signature ${name} is wrong: ${disproof}`,
      advice: {
        what: `answers of signature ${name} of version ${version} may depend on other requests`,
        why: `the batch axis that pillion.yaml declares is wrong: ${disproof}`,
        change: 'take the declaration out of pillion.yaml',
      },
    });
  } else if (batch_axis === 'none' && reason !== undefined) {
    findings.push({
      id: 'not_batched',
      note: `signature ${name} is not batched: ${fix === undefined ? reason : `${reason}; ${fix}`}`,
      advice:
        fix === undefined
          ? undefined
          : {
              what: `each request for signature ${name} of version ${version} runs alone`,
              why: reason,
              change: fix,
            },
    });
  }
  if (padding?.is_on === false) {
    const what = `requests of different lengths do not share runs of signature ${name}`;
    findings.push({
      id: 'padding_refused',
      note: `${what}: ${padding.reason}`,
      advice: {
        what: `${what} of version ${version}`,
        why: `pad_variable_length_inputs is set, but ${padding.reason}`,
        change:
          'name the length alike in inputs and outputs of the graph (dynamic_axes), say in pillion.yaml what to pad with (pad_values) and up to which length it changes no answer (max_padded_length), or take the option out for this model',
      },
    });
  }
  return findings;
}

function shadowNote({ runtime, state, reason, compared, different, latency_ratio, left_out, outputs }: ShadowReport) {
  if (state !== 'running') return `its shadow on ${runtime} is ${state}: ${reason}`;
  const times = latency_ratio === undefined ? '' : `, in ${showNumber(latency_ratio)} × the time`;
  const worst = outputs.map(({ output, mismatches, max_absolute: apart }) =>
    apart === undefined ? `${output} in ${mismatches} elements` : `${output} by up to ${showNumber(apart)}`,
  );
  const { busy, too_large, failed } = left_out;
  const lost =
    busy + too_large + failed === 0 ? [] : [`left out: ${busy} busy, ${too_large} too large, ${failed} failed`];
  const found = `its shadow on ${runtime} differs in ${different} of ${compared} batches${times}`;
  return [worst.length === 0 ? found : `${found}: ${worst.join(', ')}`, ...lost].join('; ');
}

function overridden({ left_out, brought_in }: VersionReport): readonly VersionFinding[] {
  if (left_out) {
    const note = 'an operator has unloaded it; it stays out until it is loaded on the admin port';
    return [{ id: 'left_out', note }];
  }
  if (!brought_in) return [];
  const note = 'an operator has loaded it, beside the version policy; it stays until it is unloaded there';
  return [{ id: 'brought_in', note }];
}

function failed(
  { version, error, load }: VersionReport,
  versions: readonly VersionReport[],
): readonly VersionFinding[] {
  const serving = versions.find(({ state }) => state === 'AVAILABLE');
  const served = serving === undefined ? 'no version is served' : `version ${serving.version} is served`;
  const id = 'version_failed';
  const change = 'add a working version under a higher number, or mend this one and reload it in the console';
  const retried = load?.last_failure;
  const findings: VersionFinding[] = [];
  if (retried !== undefined) {
    const what = `version ${version} did not load and is tried again; ${served}`;
    const advice = error === undefined ? { what, why: retried.message, change } : undefined;
    findings.push({ id, note: `did not load and is tried again: ${retried.message}`, advice });
  }
  if (error !== undefined) {
    const what = `version ${version} did not load; ${served}`;
    findings.push({ id, note: error.message, advice: { what, why: error.message, change } });
  }
  return findings;
}
