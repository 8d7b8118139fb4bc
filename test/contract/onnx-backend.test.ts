import { backendContract } from '../../src/api/contract/backend-contract.ts';
import { ONNX } from './onnx-under-test.ts';

backendContract(ONNX);
