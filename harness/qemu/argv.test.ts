import t from 'tap';
import {
  escapeValue,
  firmwareArguments,
  logFilterArguments,
  mediumArguments,
  qemuArguments,
} from './argv.ts';
import type { MachineSpec, MachineWiring } from './machine-spec.ts';

const wiring: MachineWiring = {
  qmpSocket: 's/qmp',
  serialPipe: 's/serial',
  gdbSocket: 's/gdb',
  variables: 's/variables.fd',
};
const bios: MachineSpec = {
  machine: 'q35',
  accelerator: 'tcg',
  memoryMib: 2560,
  firmware: { kind: 'bios' },
  medium: { kind: 'iso', path: 'medium.iso' },
  payload: 'payload.tar',
};
const efi: MachineSpec = {
  ...bios,
  firmware: {
    kind: 'efi',
    executable: 'CODE.fd',
    executableFormat: 'raw',
    variablesTemplate: 'VARS.fd',
    variablesFormat: 'raw',
  },
};

t.test('CPU features go after the model', async (t) => {
  const argv = qemuArguments({ ...bios, cpuFeatures: ['lm=off', 'nx=off'] }, wiring);
  t.equal(argv[argv.indexOf('-cpu') + 1], 'qemu64,lm=off,nx=off');
});

t.test('a SeaBIOS machine, whole', async (t) => {
  t.strictSame(qemuArguments(bios, wiring), [
    ...['-machine', 'q35,accel=tcg', '-cpu', 'qemu64', '-smp', '1', '-m', '2560M'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-nic', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-blockdev', 'driver=raw,node-name=medium,read-only=on,file.driver=file,file.filename=medium.iso'],
    ...['-device', 'ide-cd,drive=medium,bus=ide.0,bootindex=0'],
    ...['-blockdev', 'driver=raw,node-name=payload,read-only=on,file.driver=file,file.filename=payload.tar'],
    ...['-device', 'virtio-blk-pci,drive=payload,bootindex=1'],
    ...['-device', 'VGA', '-device', 'pvpanic,ioport=0x505'],
    ...['-chardev', 'socket,id=qmp,path=s/qmp,server=off', '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', 'pipe,id=serial0,path=s/serial', '-serial', 'chardev:serial0'],
    ...['-gdb', 'unix:s/gdb,server=on,wait=off'],
    ...['-S', '-no-reboot', '-no-shutdown', '-action', 'panic=pause'],
  ]);
});

t.test('UEFI firmware is two flash drives, the variables writable and the machine’s own', async (t) => {
  const argv = qemuArguments(efi, wiring);
  t.ok(argv.includes('q35,accel=tcg,pflash0=firmware-code,pflash1=firmware-variables'));
  t.strictSame(firmwareArguments(efi, wiring), [
    '-blockdev',
    'driver=raw,node-name=firmware-code,read-only=on,file.driver=file,file.filename=CODE.fd',
    '-blockdev',
    'driver=raw,node-name=firmware-variables,read-only=off,file.driver=file,file.filename=s/variables.fd',
  ]);
});

t.test('CPU resets are logged where a place for that is given', async (t) => {
  t.strictSame(qemuArguments(bios, { ...wiring, cpuLog: 'run/qemu-cpu.log' }).slice(-4), [
    ...['-d', 'cpu_reset', '-D', 'run/qemu-cpu.log'],
  ]);
});

t.test('RAM that is a file, with a comma in its path', async (t) => {
  const argv = qemuArguments(bios, { ...wiring, ram: 's/a,b' });
  t.ok(argv.includes('q35,accel=tcg,memory-backend=ram'));
  t.ok(argv.includes('memory-backend-file,id=ram,size=2560M,mem-path=s/a,,b,share=on'));
});

t.test('a comma in a path does not end the option', async (t) => {
  t.equal(escapeValue('a,b'), 'a,,b');
  t.match(mediumArguments({ ...bios, medium: { kind: 'disk', path: 'a,b.img' } }), [
    '-blockdev',
    /filename=a,,b\.img$/,
  ]);
});

t.test('where the log looks: ends are included there', async (t) => {
  const image = { start: 0x3e00000n, end: 0x41a7000n };
  const xen = { start: 0xffff82d000000000n, end: 0xffff82d100000000n };
  t.same(logFilterArguments({ logRanges: [image, xen, { start: 5n, end: 5n }] }), [
    '-dfilter',
    '0x3e00000..0x41a6fff,0xffff82d000000000..0xffff82d0ffffffff',
  ]);
  for (const none of [{}, { logRanges: [] }]) t.same(logFilterArguments(none), []);
  t.same(qemuArguments(bios, { ...wiring, logRanges: [image] }).slice(-2), [
    '-dfilter',
    '0x3e00000..0x41a6fff',
  ]);
});
