/** What a scenario file defines. Claim first: what is held to be true, and what a broken subject would do instead. */
import type { Instance } from './contract.ts';

export interface Scenario {
  readonly name: string;
  /** One or two sentences; shown by `loadbase list --json` and kept in docs. */
  readonly claim: string;
  /** The subject's command line. */
  readonly arguments: string;
  /** The early error text that a load base which is not a multiple of the image's alignment must give. */
  readonly misalignedText: string;
  /** The default matrix, in the order shown. */
  instances(): readonly Instance[];
}
