/** Where the model parted from the machine during a capture, in words. */
import { hex } from '../bits/hex.ts';
import { disagreementText } from '../replay/divergence-text.ts';
import type { ModelNote } from './follower.ts';

export function noteText(note: ModelNote): string {
  if (note.kind === 'memory')
    return `step ${note.step}: ${note.sizeBytes} bytes at ${hex(note.address)} are others in the machine than in the model`;
  const lines = disagreementText(note.kind === 'state' ? note : { kind: 'stopped', reason: note.reason });
  return `step ${note.step}, before ${hex(note.linear)}: ${lines.join('; ')}`;
}
