/** The options of run, debug, capture, replay and check, as commander hands them over. */
import type { CaptureWay } from '../capture/capture.ts';
import type { EntryName } from '../check/contract.ts';
import type { AcceleratorChoice } from '../scenario/plan.ts';
import type { ProbeVariant } from '../specimen/probe-variants.ts';
import type { InstanceOptions } from './instance-options.ts';
import type { SourceOptions } from './source-options.ts';

/** Until an instance without an end is given up. */
export const DEFAULT_TIMEOUT_S = 60;

export interface RunOptions extends InstanceOptions, SourceOptions {
  readonly accel: AcceleratorChoice;
  readonly jobs: number;
  readonly timeout: number;
  readonly reporter?: readonly string[];
  readonly out?: string;
  /** The folder of the run to go on with. */
  readonly resume?: string;
  /** Every machine begins at its reset vector. */
  readonly cold?: boolean;
}

export interface DebugOptions extends InstanceOptions, SourceOptions {
  readonly accel: AcceleratorChoice;
  readonly gdb: boolean;
  /** From the reset vector. */
  readonly cold?: boolean;
}

/** Of a command that takes one boot in hand. */
export type SingleOptions = Omit<DebugOptions, 'gdb'>;

export interface CaptureOptions extends SingleOptions {
  readonly output?: string;
  readonly until?: string;
  readonly embedImage?: boolean;
  readonly way?: CaptureWay;
}

export interface ReplayCommandOptions {
  readonly image?: string;
  readonly sanitize?: boolean;
  readonly json?: boolean;
}

export interface CheckOptions {
  /** FILE[,SYMBOLS] */
  readonly xen?: string;
  readonly specimen?: ProbeVariant;
  readonly base?: readonly (number | 'all')[];
  readonly entry?: readonly EntryName[];
  readonly mutants?: boolean;
  readonly json?: boolean;
  readonly jobs: number;
}
