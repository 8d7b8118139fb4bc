/**
 * A load report in the forms of ORCA (Open Request Cost Aggregation), which Envoy's and gRPC's weighted balancers read:
 *
 *   bin    a serialized xds.data.orca.v3.OrcaLoadReport: endpoint-load-metrics-bin, over HTTP in base64
 *   text   endpoint-load-metrics: TEXT application_utilization=0.41,rps_fractional=212,named_metrics.queue_ms=3.1
 *   json   endpoint-load-metrics: JSON {"application_utilization":0.41,…}
 *
 * Only fields that Envoy's reader knows in all three forms are sent: it drops a report with any other.
 */
import { Buffer } from 'node:buffer';
import { WIRE_FIXED64 } from '../../codec/protobuf/wire-reader.ts';
import { bytesField, message, messageField } from '../../codec/protobuf/wire-writer.ts';
import type { SharedTrailers } from '../../proxy/answer-reports.ts';
import type { LoadFigures } from './load-meter.ts';

export type LoadFormat = 'bin' | 'json' | 'text';

/** The request header that names the form in which the answer shall carry a report. */
export const LOAD_FORMAT_HEADER = 'endpoint-load-metrics-format';
const TEXT_HEADER = 'endpoint-load-metrics';
const BIN_HEADER = 'endpoint-load-metrics-bin';

/** OrcaLoadReport's numbers of the fields that are sent. */
const FIELDS = { cpu_utilization: 1, rps_fractional: 6, eps: 7, application_utilization: 9 } as const;
const NAMED_METRICS = 8;
/** Characters that the text form gives a meaning, and those that no header may have. */
const UNSAFE = /[^A-Za-z0-9_.-]/g;

/** The form that a request asks for; undefined if it asks for none that is known. */
export function loadFormatOf(header: string | undefined): LoadFormat | undefined {
  if (header === undefined) return undefined;
  const format = header.trim().toLowerCase();
  return format === 'bin' || format === 'json' || format === 'text' ? format : undefined;
}

type Numbers = readonly (readonly [name: string, value: number])[];

export class LoadReport implements SharedTrailers {
  readonly #fields: readonly (readonly [name: keyof typeof FIELDS, value: number])[];
  readonly #named: Numbers;
  #bytes: Uint8Array | undefined;
  grpcForm: object | undefined = undefined;
  readonly #headers = new Map<LoadFormat, readonly [name: string, value: string]>();

  /** `namesModels`: whoever gets it may know which models there are. */
  constructor({ utilization, cpu, rps, eps, queueMs, models }: LoadFigures, namesModels: boolean) {
    this.#fields = [
      ['application_utilization', round(utilization)],
      ['cpu_utilization', round(cpu)],
      ['rps_fractional', round(rps)],
      ['eps', round(eps)],
    ];
    const named = new Map([['queue_ms', round(queueMs)]]);
    if (namesModels) {
      for (const [model, share] of models) named.set(`model.${model.replace(UNSAFE, '_')}`, round(share));
    }
    this.#named = [...named];
  }

  get entries(): Readonly<Record<string, Uint8Array>> {
    return { [BIN_HEADER]: this.bytes };
  }

  /** A serialized OrcaLoadReport. */
  get bytes(): Uint8Array {
    this.#bytes ??= message(
      ...this.#fields.map(([name, value]) => doubleField(FIELDS[name], value)),
      ...this.#named.map(([name, value]) =>
        messageField(NAMED_METRICS, message(bytesField(1, name), doubleField(2, value))),
      ),
    );
    return this.#bytes;
  }

  /** The header of an HTTP answer. */
  header(format: LoadFormat): readonly [name: string, value: string] {
    let header = this.#headers.get(format);
    if (header === undefined) {
      header = this.#write(format);
      this.#headers.set(format, header);
    }
    return header;
  }

  #write(format: LoadFormat): readonly [name: string, value: string] {
    switch (format) {
      case 'bin':
        return [BIN_HEADER, Buffer.from(this.bytes).toString('base64')];
      case 'json': {
        const report = { ...Object.fromEntries(this.#fields), named_metrics: Object.fromEntries(this.#named) };
        return [TEXT_HEADER, `JSON ${JSON.stringify(report)}`];
      }
      case 'text': {
        const named = this.#named.map(([name, value]) => [`named_metrics.${name}`, value] as const);
        return [TEXT_HEADER, `TEXT ${[...this.#fields, ...named].map((pair) => pair.join('=')).join(',')}`];
      }
    }
  }
}

/** Four digits. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** Left out when 0. */
function doubleField(field: number, value: number): Uint8Array {
  if (value === 0) return Buffer.alloc(0);
  const bytes = Buffer.allocUnsafe(9);
  bytes[0] = (field << 3) | WIRE_FIXED64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}
