/** Backend onnx as it is where ONNX Runtime's private parts are not what they were. */
import { backendContract } from '../../src/api/contract/backend-contract.ts';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import { ONNX } from './onnx-under-test.ts';

backendContract({ ...ONNX, kind: siblingModule(import.meta.url, '../support/onnx-public-backend').href });
