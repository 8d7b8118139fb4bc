/** Texts of tensorflow.serving.ModelServerConfig and PredictRequest that readers of the format judge alike. */

interface Text {
  readonly type: string;
  readonly text: string;
  /** Why protobuf for Python judges it otherwise than the format’s specification and C++. */
  readonly pythonDiffers?: string;
}

const config = (text: string): Text => ({ type: 'tensorflow.serving.ModelServerConfig', text });
const model = (text: string): Text => config(`model_config_list { config { ${text} } }`);
const unlikePython = (text: Text, pythonDiffers: string): Text => ({ ...text, pythonDiffers });
const tensor = (text: string): Text => ({ type: 'tensorflow.TensorProto', text });

export const GOOD_TEXTS: readonly Text[] = [
  config(''),
  config('# only a comment'),
  config('model_config_list: {}'),
  config('model_config_list <>;'),
  config('model_config_list { config: [] }'),
  config('model_config_list { config: [{ name: "a" }, < name: "b" >] }'),
  model('name: \'a\' base_path: "/b"'),
  model('name: "a" "b" \'c\''),
  model('name: "a", base_path: "/b"; model_platform: "tensorflow"'),
  unlikePython(
    model('name: "\\x41\\102\\u0043\\U00000044\\n\\t\\\\\\"\\\'\\?"'),
    'it has no escape for a question mark',
  ),
  unlikePython(model('name: "\\ud83d\\ude00 \u00e9"'), 'it takes no pair of surrogates'),
  model('model_type: TENSORFLOW'),
  model('model_type: 2'),
  model('model_type: 77'),
  model('version_labels { key: "a" value: 0x10 } version_labels: { key: "b", value: 010; }'),
  model('version_labels { key: "a" value: 1 } version_labels { key: "a" value: 2 }'),
  model('version_labels { value: 3 }'),
  model('version_labels { key: "z" }'),
  model('version_labels [{ key: "a" value: 1 }, { key: "b" value: 2 }]'),
  model('model_version_policy { latest { num_versions: 4294967295 } }'),
  model('model_version_policy { specific { versions: [1, 2] versions: -9223372036854775808 } }'),
  model('logging_config { sampling_config { sampling_rate: 1.5e-3f } }'),
  unlikePython(
    model('logging_config { sampling_config { sampling_rate: - inf } }'),
    'it wants the sign beside the word',
  ),
  model('logging_config { sampling_config { sampling_rate: 7 } }'),
  model('logging_config { sampling_config { sampling_rate: .5 } }'),
  model('logging_config { sampling_config { sampling_rate: 1. attributes: -0 } }'),
  tensor('dtype: DT_FLOAT tensor_content: "\\377\\x00\\1"'),
  tensor('bool_val: [true, false, True, False, t, f, 1, 0]'),
  tensor('float_val: 3.5e38 float_val: nan float_val: -infinity'),
  tensor('uint64_val: 18446744073709551615 int_val: -2147483648'),
];

export const BAD_TEXTS: readonly Text[] = [
  config('model_config_list'),
  config('model_config_list {'),
  config('model_config_list { config { name: "a" }'),
  config('model_config_list { } }'),
  config('model_config_list { >'),
  config('model_config_list { },,'),
  config('model_config_list {} model_config_list {}'),
  config('model_config_list {} custom_model_config {}'),
  config('model_config_lst {}'),
  config('1: {}'),
  model('name "a"'),
  model('name: a'),
  model('name: "a" name: "b"'),
  model('name: "a'),
  model('name: "a\nb"'),
  unlikePython(model('name: "\\q"'), 'it keeps unknown escapes as they are'),
  model('name: "\\xff"'),
  model('name: "\\ud83d"'),
  model('name: "\\U00110000"'),
  model('name: ["a"]'),
  model('name: 5'),
  model('name: -"a"'),
  model('model_type: TENSORFLOWW'),
  model('model_type: "TENSORFLOW"'),
  model('version_labels { key: "a" value: 1.0 }'),
  model('version_labels { key: "a" val: 1 }'),
  model('version_labels { key: "a" key: "b" }'),
  model('version_labels: "a"'),
  model('model_version_policy { latest { num_versions: -1 } }'),
  model('model_version_policy { latest { num_versions: 4294967296 } }'),
  model('model_version_policy { latest {} all {} }'),
  model('model_version_policy { specific { versions: [1, ] } }'),
  model('model_version_policy { specific { versions: [1 2] } }'),
  model('model_version_policy { specific { versions: 9223372036854775808 } }'),
  model('model_version_policy { specific { versions: 08 } }'),
  model('logging_config { sampling_config { sampling_rate: "1" } }'),
  model('logging_config { sampling_config { sampling_rate: 1x } }'),
  tensor('bool_val: 2'),
  tensor('bool_val: yes'),
  tensor('bool_val: -1'),
];
