/**
 * Decides whether the layers of a TensorFlow.js model keep rows apart. They are Keras's, whose inputs have rows in dim
 * 0: those of the list below compute each row by itself when they do not train. A layer that is not there, or one with
 * an option that reaches other rows, is undecided.
 */
import type { RowVerdict } from '../../backend.ts';

interface JsonLayer {
  readonly class_name?: unknown;
  readonly config?: unknown;
}

type Config = Readonly<Record<string, unknown>>;

/** Why a layer with these options is undecided; undefined = it keeps rows apart. */
type Check = (config: Config) => string | undefined;

const apart: Check = () => undefined;

/** Axes count from dim 0, which holds the rows; the last one never does. */
function axisOf(key: string, otherwise: number): Check {
  return (config) => {
    const axes = [config[key] ?? otherwise].flat();
    return axes.every((axis) => axis === -1 || Number(axis) >= 1) ? undefined : `its ${key} may be that of the rows`;
  };
}

const withoutMemory: Check = ({ stateful }) =>
  stateful === true ? 'it keeps a state from one request to the next' : undefined;

const wrapped: Check = ({ layer }) => whyUndecided(layer as JsonLayer);

const reshaped: Check = ({ target_shape: shape }) =>
  Array.isArray(shape) && shape.length > 0 ? undefined : 'its rows have no dim';

const input: Check = ({ batch_input_shape: shape }) =>
  Array.isArray(shape) && shape.length < 2 ? 'its rows have no dim' : undefined;

const PLAIN =
  'Dense Dropout Activation Flatten RepeatVector Embedding Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose ' +
  'DepthwiseConv2D SeparableConv2D MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D ' +
  'AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D ' +
  'UpSampling2D ZeroPadding2D Cropping2D ReLU LeakyReLU PReLU ELU ThresholdedReLU Add Multiply Average Maximum ' +
  'Minimum GaussianNoise GaussianDropout AlphaDropout SpatialDropout1D Masking Permute Rescaling Resizing CenterCrop';

const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(PLAIN.split(' ').map((name) => [name, apart])),
  InputLayer: input,
  Reshape: reshaped,
  Concatenate: axisOf('axis', -1),
  Softmax: axisOf('axis', -1),
  BatchNormalization: axisOf('axis', -1),
  LayerNormalization: axisOf('axis', -1),
  Dot: axisOf('axes', 0),
  LSTM: withoutMemory,
  GRU: withoutMemory,
  SimpleRNN: withoutMemory,
  ConvLSTM2D: withoutMemory,
  TimeDistributed: wrapped,
  Bidirectional: wrapped,
};

const MODELS: readonly unknown[] = ['Sequential', 'Functional', 'Model'];

/** `topology` is modelTopology of model.json. */
export function judgeLayers(topology: unknown): RowVerdict {
  const { model_config: config } = topology as { readonly model_config?: unknown };
  const reason = whyUndecided((config ?? topology) as JsonLayer);
  return reason === undefined
    ? { kind: 'rows', reason: 'each of its layers keeps the rows apart' }
    : { kind: 'undecided', reason };
}

function whyUndecided(layer: JsonLayer | undefined): string | undefined {
  const { class_name: name, config } = layer ?? {};
  if (MODELS.includes(name)) return firstOf(layersOf(config).map(whyUndecided));
  const named = `layer "${(config as Config | undefined)?.['name'] ?? ''}" (${name})`;
  const check = typeof name === 'string' && Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
  if (check === undefined || typeof config !== 'object' || config === null) {
    return `${named}: nothing tells where its rows go`;
  }
  const shape = input(config as Config);
  const reason = shape ?? check(config as Config);
  return reason?.startsWith('layer ') === false ? `${named}: ${reason}` : reason;
}

/** A Sequential of old has a list of layers for its config. */
function layersOf(config: unknown): readonly JsonLayer[] {
  const layers = Array.isArray(config) ? config : (config as { readonly layers?: unknown } | undefined)?.layers;
  return Array.isArray(layers) && layers.length > 0 ? layers : [{}];
}

function firstOf(reasons: readonly (string | undefined)[]): string | undefined {
  return reasons.find((reason) => reason !== undefined);
}
