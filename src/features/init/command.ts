import { flag, integer, patternText, text } from '../../config/options/option-types.ts';
import { OptionCommand } from '../../kernel/command.ts';

export const initCommand = new OptionCommand({
  name: 'init',
  usage: ["init MODEL_FILE…      makes a directory that is served of a model's file, and a request to try it"],
  help: `pillion init: a model's file → a directory that is served, and a request to try it

  pillion init churn.onnx
  pillion init booster.txt --name=churn --models=/srv/models
  pillion init exported/ --link

MODEL_FILE is an ONNX file, the folder of a SavedModel, XGBoost's model.json or model.ubj, LightGBM's model.txt or dumped JSON, or the
model.json of TensorFlow.js. Further words are files that belong to it, such as weights of ONNX in files of their own.

It loads the model once, writes MODELS/NAME/1/ with the model and a pillion.yaml that says what was found in it, and
MODELS/NAME/request.json, a request of zeros that the model has been run on. Then it prints the next two commands.
Nothing is overwritten. Ends with 0, or with 1 and nothing written if the model cannot be served.
`,
  options: {
    name: patternText(
      { default: '', placeholder: 'NAME', help: "The model's name. Empty = that of its file." },
      /^(\w[\w.-]*)?$/,
      'letters, digits, "_", "-" and ".", and no sign first',
    ),
    models: text({
      default: 'models',
      placeholder: 'DIR',
      help: 'The directory that holds a directory for each model.',
    }),
    version: integer({ min: 0, max: 2 ** 31 - 1, default: 1, help: 'The number of the version.' }),
    link: flag({
      default: false,
      help: 'Makes hard links in place of copies: no second copy on disk, but whoever changes the file changes what is served.',
    }),
  },
  takesArguments: true,
  check: (_, line) => (line.arguments.length === 0 ? ['which model? give its file: pillion init MODEL_FILE'] : []),
  run: async (options, line, { backends }) =>
    (await import('./init.ts')).init({ ...options, files: line.arguments }, backends),
});
