/** What a scenario file defines. Claim first: what is held to be true, and what a broken subject would do instead. */
import type { PayloadModule } from '../image/payload.ts';
import type { Instance } from './contract.ts';

/** What is handed to the subject of an instance, and how it should then end. */
export interface Circumstances {
  /** The subject's command line. */
  readonly arguments: string;
  /** Handed over with it; default: none. */
  readonly modules?: readonly PayloadModule[];
  /** How the console line begins that ends the boot as it should, without Xen's `(XEN) `; default: nobody gave it a dom0. */
  readonly expectedEnd?: string;
  /** The console line that ends the boot of a kernel that nobody here knows; absent: it need only stay alive. */
  readonly expectedLine?: RegExp;
  /** What the subject says where its base is no multiple of its own alignment; default: it does not mind. */
  readonly misalignedText?: string;
}

export interface Scenario {
  readonly name: string;
  /** One or two sentences; shown by `loadbase list --json` and kept in docs. */
  readonly claim: string;
  /** The default matrix, in the order shown. */
  instances(): readonly Instance[];
  given(instance: Instance): Circumstances;
}

/** The scenario of an instance. @throws Error where none is called so. */
export function scenarioOf(scenarios: readonly Scenario[], instance: Instance): Scenario {
  const scenario = scenarios.find(({ name }) => name === instance.scenario);
  if (!scenario) throw new Error(`no scenario is called ${instance.scenario}`);
  return scenario;
}
