/** The models as operators, and callers whom the server allows it, load and unload them. */
import type { VersionLoad } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';

/** The part of ModelManager that is used. */
export interface OperatedModels extends Pick<ServableDirectory, 'modelNames' | 'status'> {
  onDisk(name: string): readonly bigint[];
  loadOf(name: string, version: bigint): VersionLoad | undefined;
  isUnloadedByOperator(name: string, version: bigint): boolean;
  operate(name: string, version: bigint, action: 'load' | 'unload' | 'reload'): Promise<void>;
}
