/** What a scenario file defines. Claim first: what is held to be true, and what a broken subject would do instead. */
import type { PayloadModule } from '../image/payload.ts';
import { patternAt } from '../layout/memory-pattern.ts';
import type { Instance } from './contract.ts';

/** What is handed to the subject, and what it should then say last. */
export interface GivenToSubject {
  /** The subject's command line. */
  readonly arguments: string;
  /** Handed over with it; default: none. */
  readonly modules?: readonly PayloadModule[];
  /** How the console line begins that ends the boot as it should, without Xen's `(XEN) `; default: nobody gave it a dom0. */
  readonly expectedEnd?: string;
}

export interface Scenario extends GivenToSubject {
  readonly name: string;
  /** One or two sentences; shown by `loadbase list --json` and kept in docs. */
  readonly claim: string;
  /** The early error text that a load base which is not a multiple of the image's alignment must give. */
  readonly misalignedText: string;
  /** The default matrix, in the order shown. */
  instances(): readonly Instance[];
}

/** What the scenario of an instance gives its subject. @throws Error where none is called so. */
export function givenBy(scenarios: readonly Scenario[], instance: Instance): GivenToSubject {
  const scenario = scenarios.find(({ name }) => name === instance.scenario);
  if (!scenario) throw new Error(`no scenario is called ${instance.scenario}`);
  const { modules, expectedEnd } = scenario;
  return {
    arguments: scenario.arguments,
    ...(modules ? { modules } : {}),
    ...(expectedEnd === undefined ? {} : { expectedEnd }),
  };
}

const PIECE = 4096;

/** A module of so many bytes, the same in every run and unlike any other seed's: no kernel, no archive. */
export function noiseModule(sizeBytes: number, seed: number): PayloadModule {
  const bytes = new Uint8Array(sizeBytes);
  // Prime to the pattern's period, so that no two pages of any two modules are alike.
  for (let at = 0, from = seed * 65_537; at < sizeBytes; at += PIECE, from += 4099)
    bytes.set(patternAt(from, Math.min(PIECE, sizeBytes - at)), at);
  // Xen takes the last four bytes of a kernel that is no ELF file for its unpacked size (bzimage.c, output_length).
  bytes.fill(0, Math.max(1, sizeBytes - 4));
  return { bytes, arguments: `noise-${seed}` };
}
