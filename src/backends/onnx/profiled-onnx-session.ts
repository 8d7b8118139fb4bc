/** A session whose runs ONNX Runtime profiles. It runs by the public API alone, so it has no runSync. */
import type { Signature } from '../../core/signature.ts';
import type { ProfiledSession } from '../backend.ts';
import type { RunOps } from '../op-profile.ts';
import { OnnxSession } from './onnx-session.ts';
import type { OrtModel } from './ort-model.ts';
import type { OrtProfile } from './ort-profile.ts';

export class ProfiledOnnxSession extends OnnxSession implements ProfiledSession {
  readonly #profile: OrtProfile;

  constructor(ort: OrtModel, signatures: ReadonlyMap<string, Signature>, profile: OrtProfile) {
    super(ort, signatures);
    this.#profile = profile;
  }

  endProfile(): Promise<readonly RunOps[]> {
    return this.#profile.end();
  }
}
