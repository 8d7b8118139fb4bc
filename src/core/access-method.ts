/** The methods that a caller may be allowed, and the surfaces that have them. */

export const ACCESS_SURFACES = ['grpc', 'rest'] as const;
export type AccessSurface = (typeof ACCESS_SURFACES)[number];

const BOTH = ACCESS_SURFACES;

/** The surfaces of each method. */
export const ACCESS_METHODS = {
  predict: BOTH,
  classify: BOTH,
  regress: BOTH,
  multi_inference: ['grpc'],
  /** GetModelMetadata. */
  metadata: BOTH,
  /** GetModelStatus; the list of models has those whose status the caller may ask for. */
  status: BOTH,
  /** RepositoryModelLoad and RepositoryModelUnload of the Open Inference Protocol. */
  load: BOTH,
  /** Regions of shared memory, and requests that use them. They are no model's, so only a rule for all models allows it. */
  shared_memory: BOTH,
  /** Changes of trace and log settings, which are of the process, so only a rule for all models allows them. */
  settings: BOTH,
  /** HandleReloadConfigRequest. It replaces the whole list, so only a rule for all models allows it. */
  reload: ['grpc'],
  /** The metrics page of the REST port. It names all models, so only a rule for all models allows it. */
  metrics: ['rest'],
} as const satisfies Readonly<Record<string, readonly AccessSurface[]>>;

export type AccessMethod = keyof typeof ACCESS_METHODS;

export const ACCESS_METHOD_NAMES = Object.keys(ACCESS_METHODS) as readonly AccessMethod[];

/** The pattern of all models, and the model that a method asks for that concerns all of them. */
export const ALL_MODELS = '*';
