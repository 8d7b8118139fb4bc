/** Requests that meet a busy model, over REST and gRPC: clients that leave at each stage, and far more than may wait. */
import { describeEnd, useArena } from './surface-contract-arena.ts';
import { describeOverload } from './surface-contract-crowds.ts';
import { describeClientsThatLeave, describeStreamsThatReset } from './surface-contract-stages.ts';

const arena = useArena();

for (const surface of ['rest', 'grpc'] as const) describeClientsThatLeave(surface, arena);
describeStreamsThatReset(arena);
for (const surface of ['rest', 'grpc'] as const) describeOverload(surface, arena);
describeEnd(arena);
