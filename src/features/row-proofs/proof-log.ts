/** Log lines about declared batch axes and paddings of versions. */
import type { Logger } from '../../ledger/log/log.ts';
import type { BatchingEvents } from './version-batching.ts';

export type ProofLog = (model: string, version: bigint) => Omit<BatchingEvents, 'onDecided'>;

export function proofLog(logger: Logger): ProofLog {
  return (model, version) => {
    const of = { model, version: version.toString() };
    return {
      onDisproved: (signature, reason) =>
        logger.warn(
          { event: 'batch_axis_disproved', ...of, signature, reason },
          `the declared batch axis is wrong, so answers may mix requests: ${reason}`,
        ),
      onPadding: (signature, { isOn, reason }) =>
        logger[isOn ? 'info' : 'warn'](
          { event: 'padding', ...of, signature, padding: isOn ? 'on' : 'refused', reason },
          isOn
            ? `requests of different lengths share runs: ${reason}`
            : `pad_variable_length_inputs is refused: ${reason}`,
        ),
    };
  };
}
