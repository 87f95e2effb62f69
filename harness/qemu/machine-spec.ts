/** One machine as a value: everything that decides what QEMU is asked for, and nothing about this run's folders. */

export type Accelerator = 'tcg' | 'kvm';

export type FirmwareImage =
  | { readonly kind: 'bios' }
  | {
      readonly kind: 'efi';
      readonly executable: string;
      readonly executableFormat: string;
      /** Template of the variable store; each machine gets a copy of its own. */
      readonly variablesTemplate: string;
      readonly variablesFormat: string;
    };

export interface MachineSpec {
  readonly machine: 'q35' | 'pc';
  readonly accelerator: Accelerator;
  readonly memoryMib: number;
  /** CPU features turned on or off, as QEMU's -cpu names them, e.g. `lm=off`; left out, the CPU is what the accelerator has. */
  readonly cpuFeatures?: readonly string[];
  readonly firmware: FirmwareImage;
  /** What the firmware boots: an ISO in a CD drive or a disk image. */
  readonly medium: { readonly kind: 'iso' | 'disk'; readonly path: string };
  /** The tar archive with the choice, the kernel and its modules; see docs/decisions/0005. */
  readonly payload: string;
}

/** Linear addresses: `end` is the first one past it, up to 2^64. */
export interface LogRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Where one run of a machine has its files and sockets. */
export interface MachineWiring {
  /** The harness listens here and QEMU connects. */
  readonly qmpSocket: string;
  /** Named pipes stand at this path with `.in` and `.out` after it. */
  readonly serialPipe: string;
  /** QEMU listens here: gdb itself can be pointed at it. */
  readonly gdbSocket: string;
  /** This machine's own copy of the firmware's variable store; unused with SeaBIOS. */
  readonly variables: string;
  /** Where QEMU logs CPU resets and triple faults; absent: nowhere. */
  readonly cpuLog?: string;
  /** Where QEMU's log of CPU states and blocks looks; absent: everywhere. What else is logged is not asked where it is. */
  readonly logRanges?: readonly LogRange[];
  /** The file that is its RAM; absent: QEMU's own anonymous memory. */
  readonly ram?: string;
  /** The machine does not begin at reset: its state will be loaded. */
  readonly incoming?: boolean;
}

const MIB = 1024 * 1024;

/**
 * RAM from address 0 up to the hole below 4 GiB, in bytes. Source: QEMU hw/i386/pc_q35.c and pc_piix.c: with as much
 * memory as would reach the hole, the split is moved down to 2 GiB (q35) or 3 GiB (pc).
 */
export function lowRamSizeBytes(machine: 'q35' | 'pc', memoryMib: number): number {
  const [holeMib, splitMib] = machine === 'q35' ? [2816, 2048] : [3584, 3072];
  return (memoryMib >= holeMib ? splitMib : memoryMib) * MIB;
}
