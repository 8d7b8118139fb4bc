/** The effective configuration as plain values, for people: `pillion config check` and GET /config_dump. */
import type { PadValue } from './batch-declaration.ts';
import { BATCHING_FIELDS } from './batching-parameters.ts';
import type { BatchingConfig, BreakerConfig, ModelConfig } from './model-config.ts';
import type { Origin } from './read-options.ts';
import type { ServeConfig } from './serve-config.ts';
import { isMap } from './yaml/kinds.ts';

/** Each option with its value and its source. */
export function optionFields({
  options,
  origins,
}: ServeConfig): Readonly<Record<string, { readonly value: unknown; readonly from: string }>> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, { value, from: originText(origins.get(name)) }]),
  );
}

/** Says which ports speak TLS. */
export function tlsFields({ tls, isRestTls }: ServeConfig): { grpc: boolean; rest: boolean; verifyClient: boolean } {
  return { grpc: tls !== undefined, rest: isRestTls, verifyClient: tls?.config.verifyClient ?? false };
}

/** A model with the keys of pillion.yaml, without those that it leaves to the server. */
export function modelFields(model: ModelConfig): Readonly<Record<string, unknown>> {
  const { versionPolicy: policy, versionLabels: labels, breaker } = model;
  const fields = {
    name: model.name,
    base_path: model.basePath,
    versions:
      policy.kind === 'specific'
        ? policy.versions.map(String)
        : policy.kind === 'all'
          ? 'all'
          : `latest:${policy.count}`,
    labels:
      labels.size === 0 ? undefined : Object.fromEntries([...labels].map(([name, version]) => [name, String(version)])),
    backend: model.backend,
    provider: model.executionProvider,
    devices: model.devices,
    host: model.host,
    slo_ms: model.sloMs,
    batching: batchingFields(model),
    breaker: typeof breaker === 'object' ? breakerFields(breaker) : breaker,
    ...Object.fromEntries([...(model.featureKeys?.keys() ?? [])].map((key) => [key.name, snakeKeys(key.shown(model))])),
    refused: model.refusal,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A feature's value with the keys of pillion.yaml. */
function snakeKeys(value: unknown): unknown {
  if (!isMap(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [
    key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
    each,
  ]);
  return Object.fromEntries(entries);
}

function breakerFields({ failures, windowMs, resetMs }: BreakerConfig): Readonly<Record<string, number>> {
  return { failures, window_ms: windowMs, reset_ms: resetMs };
}

function batchingFields({ batching = {}, declaredBatching: declared }: ModelConfig): unknown {
  if (declared === 'off') return 'off';
  const knobs = Object.entries(batching) as [keyof BatchingConfig, unknown][];
  const fields = {
    ...Object.fromEntries(knobs.map(([knob, value]) => [BATCHING_FIELDS[knob], value])),
    enabled: declared?.enabled,
    inputs: declared?.inputs && axisFields(declared.inputs),
    outputs: declared?.outputs && axisFields(declared.outputs),
    pad_values: declared?.padValues && valueFields(declared.padValues),
    max_padded_length: declared?.maxPaddedLength,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function valueFields(values: ReadonlyMap<string, PadValue>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...values].map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}

function axisFields(axes: ReadonlyMap<string, number | 'same'>): Readonly<Record<string, object>> {
  const entries = [...axes].map(([name, axis]) => [name, axis === 'same' ? { batch: axis } : { batch_axis: axis }]);
  return Object.fromEntries(entries) as Record<string, object>;
}

/** The source of a value: a flag, a variable, a place in a file, or the default. */
export function originText(origin: Origin | undefined): string {
  if (origin === undefined || origin.kind === 'default') return 'default';
  return origin.kind === 'environment' ? `environment ${origin.place}` : origin.place;
}
