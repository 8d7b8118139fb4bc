/** How a picture becomes the numbers of an input: a model's file does not say it, so its user does. */
import { text } from '../../../config/options/option-types.ts';

/** Nobody has said which values the samples of a pixel have. */
export const UNSAID = 'none';
const SCALES = ['0..255', '0..1', '-1..1', 'imagenet'] as const;

export const PICTURE_OPTIONS = {
  pixels: text({
    default: UNSAID,
    oneOf: [UNSAID, ...SCALES],
    placeholder: SCALES.join('|'),
    help:
      'For a picture and an input of floats: the values of its samples. imagenet = 0..1, less the mean and divided by the ' +
      'deviation of ImageNet. Inputs of integers take 0..255.',
  }),
  resize: text({
    default: 'no',
    oneOf: ['no', 'stretch', 'crop'],
    placeholder: 'no|stretch|crop',
    help: 'A picture of another size than the input’s: refused; resized; or its middle in the input’s proportions, resized.',
  }),
  channels: text({
    default: 'rgb',
    oneOf: ['rgb', 'bgr'],
    placeholder: 'rgb|bgr',
    help: 'The order of the samples of a pixel.',
  }),
} as const;

/** The values of PICTURE_OPTIONS. */
export interface PictureOptions {
  readonly pixels: string;
  readonly resize: string;
  readonly channels: string;
}
