/**
 * MachineSpec + MachineWiring → QEMU's argv. One function per option group, each pure and each returning its slice, so
 * that a test compares text and a reader of a results folder can tell who wrote which option.
 * Source: qemu(1), QEMU 7.2.
 */
import type { LogRange, MachineSpec, MachineWiring } from './machine-spec.ts';

/** A comma ends a value in QEMU's key=value syntax; doubled it is literal. */
export function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

export function machineArguments(spec: MachineSpec, ram?: string): string[] {
  const pflash = spec.firmware.kind === 'efi' ? ',pflash0=firmware-code,pflash1=firmware-variables' : '';
  return [
    ...[
      '-machine',
      `${spec.machine},accel=${spec.accelerator}${pflash}${ram === undefined ? '' : ',memory-backend=ram'}`,
    ],
    // -cpu host aborts where KVM runs nested without the MSRs it wants (FACTS); max under TCG has long mode and NX.
    ...['-cpu', [spec.accelerator === 'kvm' ? 'kvm64' : 'qemu64', ...(spec.cpuFeatures ?? [])].join(',')],
    ...['-smp', '1'],
    ...['-m', `${spec.memoryMib}M`],
    ...ramArguments(spec, ram),
  ];
}

/** RAM as a file that the harness shares, so that it can be read and written at memory speed. */
function ramArguments(spec: MachineSpec, ram: string | undefined): string[] {
  if (ram === undefined) return [];
  return [
    '-object',
    `memory-backend-file,id=ram,size=${spec.memoryMib}M,mem-path=${escapeValue(ram)},share=on`,
  ];
}

/** Nothing that was not asked for: no default devices, no display, no network, no user configuration. */
export function isolationArguments(): string[] {
  return [
    ...['-nodefaults', '-no-user-config'],
    ...['-display', 'none'],
    ...['-nic', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ];
}

export function firmwareArguments(spec: MachineSpec, wiring: MachineWiring): string[] {
  const { firmware } = spec;
  if (firmware.kind === 'bios') return [];
  const file = (node: string, format: string, path: string, readOnly: boolean) => [
    '-blockdev',
    `driver=${format},node-name=${node},read-only=${readOnly ? 'on' : 'off'},file.driver=file,file.filename=${escapeValue(path)}`,
  ];
  return [
    ...file('firmware-code', firmware.executableFormat, firmware.executable, true),
    ...file('firmware-variables', firmware.variablesFormat, wiring.variables, false),
  ];
}

export function mediumArguments(spec: MachineSpec): string[] {
  const node = `driver=raw,node-name=medium,read-only=on,file.driver=file,file.filename=${escapeValue(spec.medium.path)}`;
  // A disk is virtio: an IDE disk cannot be read-only, and one file serves many machines at once.
  const device =
    spec.medium.kind === 'iso'
      ? 'ide-cd,drive=medium,bus=ide.0,bootindex=0'
      : 'virtio-blk-pci,drive=medium,bootindex=0';
  return ['-blockdev', node, '-device', device];
}

export function payloadArguments(spec: MachineSpec): string[] {
  return [
    '-blockdev',
    `driver=raw,node-name=payload,read-only=on,file.driver=file,file.filename=${escapeValue(spec.payload)}`,
    // OVMF connects only what stands in the boot order, so the payload drive has a (last) place in it.
    ...['-device', 'virtio-blk-pci,drive=payload,bootindex=1'],
  ];
}

/** VGA so that a screen can be dumped; pvpanic (port 0x505) so that GRUB can hold the machine at hand-off. */
export function deviceArguments(): string[] {
  return ['-device', 'VGA', '-device', 'pvpanic,ioport=0x505'];
}

export function wiringArguments(wiring: MachineWiring): string[] {
  const client = (id: string, path: string) => [
    '-chardev',
    `socket,id=${id},path=${escapeValue(path)},server=off`,
  ];
  return [
    ...client('qmp', wiring.qmpSocket),
    ...['-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `pipe,id=serial0,path=${escapeValue(wiring.serialPipe)}`],
    ...['-serial', 'chardev:serial0'],
    ...['-gdb', `unix:${escapeValue(wiring.gdbSocket)},server=on,wait=off`],
  ];
}

/** Start frozen; on any end of the guest stay there to be looked at. */
export function lifecycleArguments({ incoming }: Pick<MachineWiring, 'incoming'> = {}): string[] {
  const start = incoming ? ['-incoming', 'defer'] : [];
  return ['-S', '-no-reboot', '-no-shutdown', '-action', 'panic=pause', ...start];
}

/**
 * QMP reports a triple fault as a reset; only this log tells them apart, and only under TCG. Nothing is written to it
 * while the guest runs. Source: QEMU target/i386/tcg/excp_helper.c (CPU_LOG_RESET).
 */
export function logArguments({ cpuLog }: MachineWiring): string[] {
  return cpuLog === undefined ? [] : ['-d', 'cpu_reset', '-D', cpuLog];
}

/** Source: QEMU 7.2 util/log.c, qemu_set_dfilter_ranges: ends are included. No range at all would mean everywhere. */
export function logFilterArguments({ logRanges = [] }: Pick<MachineWiring, 'logRanges'>): string[] {
  const text = ({ start, end }: LogRange) => `0x${start.toString(16)}..0x${(end - 1n).toString(16)}`;
  const ranges = logRanges.filter(({ start, end }) => start < end);
  return ranges.length === 0 ? [] : ['-dfilter', ranges.map(text).join(',')];
}

/** The whole argv, without the program's own name. */
export function qemuArguments(spec: MachineSpec, wiring: MachineWiring): string[] {
  return [
    ...machineArguments(spec, wiring.ram),
    ...isolationArguments(),
    ...firmwareArguments(spec, wiring),
    ...mediumArguments(spec),
    ...payloadArguments(spec),
    ...deviceArguments(),
    ...wiringArguments(wiring),
    ...lifecycleArguments(wiring),
    ...logArguments(wiring),
    ...logFilterArguments(wiring),
  ];
}
