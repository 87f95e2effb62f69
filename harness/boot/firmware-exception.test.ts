import t from 'tap';
import { parseFirmwareException } from './firmware-exception.ts';
import { modeText, parseCpuState } from './cpu-state.ts';

/** As OVMF 2022.11 prints it. */
const said = (image: string) => `BdsDxe: starting Boot0001
!!!! X64 Exception Type - 0E(#PF - Page-Fault)  CPU Apic ID - 00000000 !!!!
ExceptionData - 0000000000000000  I:0 R:0 U:0 W:0 P:0 PK:0 SS:0 SGX:0
RIP  - 000000000E035441, CS  - 0000000000000038, RFLAGS - 0000000000200206
RAX  - 0000000036D76289, RCX - 0000000000000000, RDX - 0000000000000000
${image}
`;
const build = '/build/edk2/Build/OvmfX64/RELEASE_GCC5/X64/MdeModulePkg/Core/Dxe/DxeMain/DEBUG';

t.test('vector, RIP and image', async (t) => {
  const found = `!!!! Find image based on IP(0xE035441) ${build}/DxeCore.dll (ImageBase=000000000E030000, EntryPoint=000000000E0382BF) !!!!`;
  t.strictSame(parseFirmwareException(said(found)), {
    vector: 14,
    description: '#PF - Page-Fault',
    pc: 0xe035441n,
    image: { name: 'DxeCore.dll', base: 0xe030000n },
  });
  t.match(parseFirmwareException(said(found.replace(`${build}/DxeCore.dll`, '(No PDB) '))), {
    image: { name: 'an image without a name' },
  });
});

t.test('an image that cannot be one is none', async (t) => {
  const guess = (base: string) =>
    parseFirmwareException(
      said(`!!!! Find image based on IP(0xE035441) (No PDB)  (ImageBase=${base}, EntryPoint=0) !!!!`),
    );
  t.equal(guess('0000000000E03544')?.image, undefined, 'not at a page');
  t.equal(guess('000000000F000000')?.image, undefined, 'above the instruction');
  t.equal(parseFirmwareException(said("!!!! Can't find image information. !!!!"))?.image, undefined);
});

t.test('the first counts, cut short as it may be', async (t) => {
  const second = said('')
    .replace('0E(#PF - Page-Fault)', '0D(#GP - General Protection)')
    .replace('E035441', 'E000000');
  t.match(parseFirmwareException(said('') + second), { vector: 14, pc: 0xe035441n });
  const cut = said('').split('ExceptionData')[0] ?? '';
  t.match(parseFirmwareException(cut + second), { vector: 14, pc: undefined });
  t.equal(parseFirmwareException('(XEN) no exception'), undefined);
});

t.test('the CPU as the monitor shows it', async (t) => {
  const long = `RAX=0000000036d76289 RBX=0000000000004000
RSI=0 RSP=000000000fea0300
R8 =0000000008673000 R15=000000000e10faa0
RIP=0000000004194343 RFL=00200046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =0038 0000000000000000 ffffffff 00af9a00 DPL=0 CS64 [-R-]
CR0=80010033 CR2=0000000000001234 CR3=000000000f801000 CR4=00000668
EFER=0000000000000d00
`;
  const cpu = parseCpuState(long.replaceAll('\n', '\r\n'))!;
  t.match(cpu, { bitness: 64, pc: 0x4194343n, stackPointer: 0xfea0300n, faultAddress: 0x1234n });
  t.match(cpu, {
    halted: true,
    interrupts: false,
    paging: true,
    registers: { RAX: '0000000036d76289', CR3: /801000$/ },
  });
  t.equal(modeText(cpu), '64-bit, paging on, interrupts off');
  const real = long.replace('00af9a00', '00009b00').replace('0038 0000000000000000', 'f000 00000000000f0000');
  t.match(parseCpuState(real.replace('EFER=0000000000000d00', 'EFER=0')), { bitness: 16, pc: 0x4284343n });
  for (const text of ['', '{}', 'CS =0008 00000000 ffffffff 00c09b00'])
    t.equal(parseCpuState(text), undefined);
});
