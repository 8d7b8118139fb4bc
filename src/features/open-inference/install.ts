/** The Open Inference Protocol on both surfaces. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation, SurfaceParts } from '../../kernel/installation.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { Surface } from '../../proxy/servers/surface.ts';
import { VERSION } from '../../version.ts';
import { EXTENSIONS } from './exported/extension.ts';
import { inferenceService } from './grpc/inference-service.ts';
import { OpenInference } from './open-inference.ts';
import { OPEN_INFERENCE_OPTIONS } from './options.ts';
import { openInferencePart } from './rest/rest-part.ts';
import { ServerSettings } from './server-settings.ts';
import { InferenceStatistics } from './statistics/inference-statistics.ts';
import { tritonFamilies, tritonPending, type WaitingTasks } from './statistics/triton-metrics.ts';
import { StraySequences } from './stray-sequences.ts';

export function installOpenInference(server: Installation): void {
  const { clock, telemetry } = server;
  const statistics = new InferenceStatistics(clock, telemetry.settle);
  telemetry.follow(statistics);
  const waiting = () => waitingTasks(server.models.servables());
  telemetry.metrics.addAliases([...tritonFamilies(statistics), tritonPending(waiting)]);
  server.facts.set(EXTENSIONS, []);
  server.surface((parts) => openInferenceSurface(createOpenInference(server, parts, statistics), parts));
}

/** The protocol over gRPC and REST. */
export function openInferenceSurface(openInference: OpenInference, parts: SurfaceParts): Surface {
  const { resolver, maxMessageBytes: maxTensorBytes, thread } = parts;
  const served = { openInference, resolver, maxTensorBytes, thread };
  return {
    grpc: (exchange) => [inferenceService(served, exchange)],
    rest: () => openInferencePart(served),
  };
}

function waitingTasks(servables: Iterable<Servable>): readonly WaitingTasks[] {
  return Array.from(servables, ({ name: model, version, runner }) => ({
    ...{ model, version: version.toString(), tasks: runner.queuedTasks },
  }));
}

function createOpenInference(
  server: Installation,
  parts: SurfaceParts,
  statistics: InferenceStatistics,
): OpenInference {
  const { config, facts, logger, telemetry } = server;
  const { lifecycle, resolver, modelInfo, readiness, audit } = parts;
  const { allow_client_settings: areChangeable, ...options } = optionsOf(config, OPEN_INFERENCE_OPTIONS);
  const { sampling } = telemetry;
  const extensions = facts.get(EXTENSIONS)!.map((make) => make(parts));
  const settings = new ServerSettings({ log: logger, sampling, areChangeable, audit });
  const onStray = (model: string): void =>
    logger.warn({ event: 'stray_sequence', model }, 'it keeps no state: the sequence of its requests is ignored');
  const strays = options.ignore_stray_sequences ? new StraySequences(telemetry.metrics.gauges, onStray) : undefined;
  const known = { strays, resolver, lifecycle, modelInfo, readiness, statistics };
  return new OpenInference({ ...known, extensions, settings, name: options.server_name, version: VERSION });
}
