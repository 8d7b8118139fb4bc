/**
 * Says for each op what its work and its outputs' sizes depend on, for work-bounds.ts. Ops in no list are unknown:
 * their sizes may come from anything.
 *
 *   plain     the shapes of the inputs and the attributes tell all
 *   part      the values of some inputs say which part of the others is taken: the work is within the inputs' size
 *   bounded   the values of any input do so, however the model is made
 *   sized     the values of some inputs are sizes: of an output, or of what is computed on the way
 */

export interface OpWork {
  /** Inputs that are sizes, by their positions. */
  readonly sized?: readonly number[] | undefined;
  /** Inputs that say which part of the others is taken. */
  readonly part?: readonly number[] | undefined;
  readonly isBounded?: boolean;
  /** Its outputs are random: as good as values of a request. */
  readonly isRandom?: boolean;
}

type Works = Readonly<Record<string, OpWork>>;

function each(names: string, work: OpWork): Works {
  return Object.fromEntries(names.split(' ').map((name) => [name, work]));
}

const PLAIN: OpWork = {};

const ONNX: Works = {
  ...each(
    'Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization BitCast ' +
      'BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike CausalConvWithState Ceil Celu Clip Concat ' +
      'Constant Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DepthToSpace DequantizeLinear Det Div Dropout ' +
      'DynamicQuantizeLinear Elu Equal Erf Exp EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm ' +
      'GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid ' +
      'HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual ' +
      'LinearAttention Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean ' +
      'MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu ParametricSoftplus Pow QLinearConv QLinearMatMul ' +
      'QuantizeLinear RMSNormalization Reciprocal Relu ReverseSequence RotaryEmbedding Round ScaledTanh Scatter ' +
      'ScatterElements ScatterND Selu Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Softmax Softplus ' +
      'Softsign SpaceToDepth Sqrt Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu ' +
      'Transpose Trilu Where Xor',
    PLAIN,
  ),
  ...each('Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike', { isRandom: true }),
  ...each(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ' +
      'ReduceSumSquare Reshape Split Squeeze TopK Unsqueeze',
    { part: [1] },
  ),
  Slice: { part: [1, 2, 3, 4] },
  // How long each sequence is: zeros, with which a model is measured, cost next to nothing.
  ...each('GRU LSTM RNN', { part: [4] }),
  ...each(
    'Compress ConcatFromSequence DeformConv MaxRoiPool NonMaxSuppression NonZero Optional OptionalGetElement ' +
      'OptionalHasElement RegexFullMatch SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert ' +
      'SequenceLength SplitToSequence StringConcat StringNormalizer StringSplit Unique',
    { isBounded: true },
  ),
  // Its kernel has ended processes, for equations that the checks of a load let pass.
  Einsum: { isBounded: true },
  ...each('BlackmanWindow ConstantOfShape HammingWindow HannWindow', { sized: [0] }),
  ...each('AffineGrid CenterCropPad Expand OneHot Tile Upsample', { sized: [1] }),
  ...each('Col2Im DFT', { sized: [1, 2] }),
  ...each('Pad STFT', { sized: [1, 3] }),
  ...each('Resize', { sized: [1, 2, 3] }),
  MaxUnpool: { sized: [2] },
  MelWeightMatrix: { sized: [0, 1, 2, 3, 4] },
  Range: { sized: [0, 1, 2] },
};

const ML: Works = each(
  'ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer ' +
    'OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap',
  PLAIN,
);

const MICROSOFT: Works = {
  ...each(
    'Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu CDist ComplexMul ComplexMulConj DequantizeLinear ' +
      'DynamicQuantizeMatMul EmbedLayerNormalization FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation ' +
      'GatedRelativePositionBias GatherBlockQuantized GatherND Gelu GemmFastGelu GridSample GroupNorm Inverse Irfft ' +
      'IsAllFinite LayerNormalization MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits MoE ' +
      'MulInteger MultiHeadAttention MurmurHash3 NhwcConv NhwcFusedConv NhwcMaxPool QAttention ' +
      'QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv ' +
      'QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax ' +
      'QLinearWhere QMoE QuantizeLinear QuickGelu ReduceSumInteger RelativePositionBias Rfft RotaryEmbedding ' +
      'SimplifiedLayerNormalization SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization ' +
      'TorchEmbedding TransposeMatMul Trilu UnfoldTensor',
    PLAIN,
  ),
  ExpandDims: { part: [1] },
  DynamicQuantizeLSTM: { part: [4] },
  ...each('NGramRepeatBlock Tokenizer Unique', { isBounded: true }),
  // The lengths of the sequences, and the size of the cache that it gives back.
  GroupQueryAttention: { part: [5], sized: [6] },
  CropAndResize: { sized: [3] },
  Pad: { sized: [1, 3] },
  Range: { sized: [0, 1, 2] },
};

const BY_DOMAIN: ReadonlyMap<string, Works> = new Map([
  ['', ONNX],
  ['ai.onnx.ml', ML],
  ['com.microsoft', MICROSOFT],
]);

/** Undefined = an op of which nothing is known. */
export function workOf(domain: string, op: string): OpWork | undefined {
  const works = BY_DOMAIN.get(domain);
  return works !== undefined && Object.hasOwn(works, op) ? works[op] : undefined;
}
