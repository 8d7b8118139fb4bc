import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigFiles, configOf, errorsOf, modelsText } from '../../support/config-files.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

describe('a base path', () => {
  it('that is a URL is refused from every source', (t) => {
    const files = new ConfigFiles(t);
    for (const url of ['gs://bucket/m', 's3://bucket/m', 'hdfs://host:9000/m']) {
      const refused = `base path "${url}" is a URI; only local directories are read: mount it, and give its path`;
      assert.deepEqual(errorsOf([`--model_base_path=${url}`]), [`--model_base_path: model "default": ${refused}`]);
      assert.deepEqual(errorsOf([`--model=m=${url}`]), [`--model: model "m": ${refused}`]);
      const yaml = files.write('pillion.yaml', `models:\n  - {name: m, base_path: "${url}"}\n`);
      assert.deepEqual(errorsOf([`--config=${yaml}`]), [`${yaml}: model "m": ${refused}`]);
      const list = files.write('models.config', modelsText({ m: '' }).replace('/models/m', url));
      assert.equal(errorsOf([`--model_config_file=${list}`]).length, 1);
    }
  });

  it('that is a version itself is refused, and its parent is named', (t) => {
    const directory = join(tempDirectory(t), 'm', '123');
    mkdirSync(join(directory, 'variables'), { recursive: true });
    for (const artifact of ['saved_model.pb', 'any.onnx', 'model.json']) {
      const path = join(tempDirectory(t), '00123');
      mkdirSync(path);
      writeFileSync(join(path, artifact), '');
      assert.deepEqual(errorsOf([`--model_base_path=${path}`]), [
        `--model_base_path: model "default": base path ${path} is a version itself, as it holds ${artifact}; give its parent ${dirname(path)}, which holds all versions`,
      ]);
    }
    configOf([`--model_base_path=${directory}`]);
    writeFileSync(join(directory, 'saved_model.pb'), '');
    assert.match(errorsOf([`--model=m=${directory}/`]).join(), /give its parent .*\/m, which holds all versions$/);
  });

  it('whose name is a number may hold versions, or be empty or missing still', (t) => {
    const path = join(tempDirectory(t), '2024');
    configOf([`--model_base_path=${path}`]);
    mkdirSync(path);
    configOf([`--model_base_path=${path}`]);
    mkdirSync(join(path, '1'));
    writeFileSync(join(path, 'old.onnx'), '');
    configOf([`--model_base_path=${path}`]);
  });
});
