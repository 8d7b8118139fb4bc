/**
 * The requests that are refused, and the right one before them. All ask one model for one row. A wrong request is the
 * right one but for its fault, so that both are about as long.
 */
import type { BenchModel } from '../compare/models.ts';
import { grpcRequests } from './grpc-requests.ts';
import { httpRequests } from './http-requests.ts';
import type { AnyRequest, SurfaceName } from './kinds.ts';

export function requestsOf(surface: SurfaceName, model: BenchModel): readonly AnyRequest[] {
  return surface.endsWith('REST') ? httpRequests(surface, model) : grpcRequests(surface, model);
}
