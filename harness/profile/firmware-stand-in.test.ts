/**
 * CLAIM: a question to the firmware is answered as it was captured, also to an image whose stack, buffers and base are others;
 * a question that was never captured is told in words, and changes nothing.
 */
import t from 'tap';
import { Cpu } from '../x86/execute/cpu.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField, writeField } from '../x86/state/state-layout.ts';
import { slotAddress } from './efi-services.ts';
import { FirmwareStandIn } from './firmware-stand-in.ts';
import type { FirmwareReply, MachineProfile } from './machine-profile.ts';
import { smallProfile, smallReply } from './testdata/small-profile.ts';

type Fields = Readonly<Record<string, bigint>>;

const withReplies = (profile: MachineProfile, ...replies: FirmwareReply[]): MachineProfile => ({
  ...profile,
  replies,
});

/** At the handler of an interrupt, F000:1234, from INT at `caller`:0100. */
function interrupted(vector: number, fields: Fields, { caller = 0x8f00n, stack = 0xfff8n } = {}): Cpu {
  const memory = new PhysicalMemory('zero');
  const flat = Number(caller << 4n);
  memory.load(4 * vector, Uint8Array.of(0x34, 0x12, 0x00, 0xf0));
  memory.load(flat + 0x100, Uint8Array.of(0xcd, vector));
  const frame = Buffer.alloc(6);
  [0x102, Number(caller), 0x0246].forEach((value, index) => frame.writeUInt16LE(value, 2 * index));
  memory.load(flat + Number(stack), frame);
  const state = flatState(16);
  const segments = ['es', 'ss', 'ds'].flatMap((name) => [
    [`${name}.selector`, caller],
    [`${name}.base`, caller << 4n],
  ]);
  const all = {
    'cs.selector': 0xf000n,
    'cs.base': 0xf0000n,
    ...Object.fromEntries(segments),
    rip: 0x1234n,
    rsp: stack,
    ...fields,
  } as Fields;
  for (const [name, value] of Object.entries(all)) writeField(state, name, value);
  const cpu = new Cpu(memory);
  cpu.load(state);
  return cpu;
}

const fieldsOf = (cpu: Cpu, ...names: string[]): bigint[] =>
  names.map((name) => readField(cpu.state(), name));

const E820 = smallReply('BIOS interrupt 0x15, AX=0xe820, EBX=0x1, ECX=0x14, EDX=0x534d4150', {
  registers: [
    { name: 'rax', bits: 32, value: 0x534d4150n },
    { name: 'rbx', bits: 32, value: 2n },
  ],
  flags: { value: 0x41, mask: 0x8d5 },
  writes: [{ through: 'es:di', at: 0, bytes: Uint8Array.of(1, 2, 3) }],
});

t.test('BIOS: any stack and buffer', async (t) => {
  const firmware = new FirmwareStandIn(withReplies(smallProfile(), E820), 0x400000);
  const question = { rax: 0xffff_e820n, rbx: 1n, rcx: 0x14n, rdx: 0x534d4150n };
  for (const caller of [0x8f00n, 0x2000n]) {
    const cpu = interrupted(0x15, { ...question, rdi: 0x7_0328n, rsi: 0x55n }, { caller });
    t.equal(firmware.answer(cpu), undefined);
    t.same(fieldsOf(cpu, 'rip', 'cs.selector', 'cs.base', 'rsp'), [0x102n, caller, caller << 4n, 0xfffen]);
    t.same(fieldsOf(cpu, 'rax', 'rbx', 'rsi'), [0x534d4150n, 2n, 0x55n], 'the rest is the caller’s');
    t.same(fieldsOf(cpu, 'rflags'), [0x243n], 'ZF and CF of the answer, the rest from the frame');
    t.same([...cpu.physical.read(Number(caller << 4n) + 0x328, 3)], [1, 2, 3]);
  }
});

t.test('BIOS: what was never captured', async (t) => {
  const firmware = new FirmwareStandIn(withReplies(smallProfile(), E820), 0x400000);
  const cpu = interrupted(0x15, { rax: 0xe881n, rbx: 7n });
  const before = [...cpu.state()];
  t.same(firmware.answer(cpu), { what: 'BIOS interrupt 0x15, AX=0xe881, BX=0x7, CX=0x0, DX=0x0' });
  t.same([...cpu.state()], before, 'the state is as it was');
  const far = interrupted(0x15, {});
  far.words[32] = 0x4444;
  t.match(firmware.answer(far), {
    what: /^control at 0x000f4444 in 16-bit code, which is no entry of the firmware$/,
  });
  const cpu32 = new Cpu(new PhysicalMemory('zero'));
  cpu32.load(flatState(32));
  t.match(firmware.answer(cpu32), { what: /in 32-bit code/ });
});

t.test('equal questions in their order, the last answer again and again', async (t) => {
  const shifts = [1n, 2n].map((value) =>
    smallReply('BIOS interrupt 0x16, AH=0x2', { registers: [{ name: 'rax', bits: 16, value }] }),
  );
  const firmware = new FirmwareStandIn(withReplies(smallProfile(), ...shifts), 0x400000);
  const ask = (): bigint => {
    const cpu = interrupted(0x16, { rax: 0xaaaa_0200n });
    t.equal(firmware.answer(cpu), undefined);
    return readField(cpu.state(), 'rax');
  };
  t.same([ask(), ask(), ask()], [0xaaaa_0001n, 0xaaaa_0002n, 0xaaaa_0002n], 'the upper half is the caller’s');
  firmware.reset();
  t.equal(ask(), 0xaaaa_0001n);
});

const [BOOT, STACK, FUNCTION] = [0x9000_0000, 0x8000_0000n, 0x9100_0000n];
const LOCATE = slotAddress('boot', BOOT, 19);

function efiProfile(...replies: FirmwareReply[]): MachineProfile {
  const slot = Buffer.alloc(8);
  slot.writeBigUInt64LE(FUNCTION);
  return withReplies(
    {
      ...smallProfile(),
      firmware: 'efi',
      tables: [{ kind: 'boot', address: BOOT }],
      memory: [{ address: LOCATE, bytes: slot }],
    },
    ...replies,
  );
}

/** At a function's first instruction, called from 0x1234567. */
function called(fields: Fields, stack = STACK): Cpu {
  const memory = new PhysicalMemory('zero');
  const address = Buffer.alloc(8);
  address.writeBigUInt64LE(0x123_4567n);
  memory.load(Number(stack), address);
  const state = flatState(64);
  for (const [name, value] of Object.entries({ rip: FUNCTION, rsp: stack, ...fields }))
    writeField(state, name, value);
  const cpu = new Cpu(memory);
  cpu.load(state);
  return cpu;
}

const GUID = Uint8Array.from(Buffer.from('00112233445566778899aabbccddeeff', 'hex'));

t.test(
  'EFI: by the service’s slot, the GUID’s bytes and the pointers’ places; addresses in the image move with it',
  async (t) => {
    const question =
      'EFI LocateHandle(0x2, 33221100-5544-7766-8899-aabbccddeeff, _, pointer to 0x10, pointer)';
    const reply = smallReply(question, {
      registers: [
        { name: 'rax', bits: 64, value: 0n },
        { name: 'rdx', bits: 64, value: 0x40_0010n, isMoved: true },
      ],
      flags: { value: 0x44, mask: 0xad5 },
      writes: [
        { through: 'argument 4', at: 0, bytes: Uint8Array.of(8) },
        { through: 'argument 5', at: 0, bytes: Uint8Array.of(0x20, 0, 0x40, 0, 0, 0, 0, 0), moved: [0] },
        { through: 'memory', at: 0x9200_0000, bytes: Uint8Array.of(0x77) },
      ],
    });
    for (const [loadBase, stack] of [
      [0x400000, STACK],
      [0x8000_0000, 0x7000_0000n],
    ] as const) {
      const firmware = new FirmwareStandIn(efiProfile(reply), loadBase);
      const cpu = called(
        { rcx: 2n, rdx: 0x5000n, r8: 0x999n, r9: stack + 0x100n, rbx: 5n, rflags: 0x246n },
        stack,
      );
      cpu.physical.load(0x5000, GUID);
      cpu.physical.load(Number(stack) + 0x100, Uint8Array.of(0x10));
      const buffer = Buffer.alloc(8);
      buffer.writeBigUInt64LE(stack + 0x200n);
      cpu.physical.load(Number(stack) + 0x28, buffer);
      t.equal(firmware.answer(cpu), undefined);
      t.same(fieldsOf(cpu, 'rip', 'rsp', 'rax', 'rbx'), [0x123_4567n, stack + 8n, 0n, 5n]);
      t.same(
        fieldsOf(cpu, 'rdx', 'rflags'),
        [BigInt(loadBase) + 0x10n, 0x46n],
        'IF is what the service left',
      );
      const at = Number(stack);
      t.equal(cpu.physical.read(at + 0x100, 1)[0], 8);
      t.equal(Buffer.from(cpu.physical.read(at + 0x200, 8)).readBigUInt64LE(), BigInt(loadBase) + 0x20n);
      t.equal(cpu.physical.read(0x9200_0000, 1)[0], 0x77);
    }
  },
);

t.test('EFI: what was never captured', async (t) => {
  const firmware = new FirmwareStandIn(efiProfile(), 0x400000);
  const cpu = called({ rcx: 2n, rdx: 0x5000n, r9: 1n << 60n });
  cpu.physical.load(0x5000, GUID);
  t.same(firmware.answer(cpu), {
    what: 'EFI LocateHandle(0x2, 33221100-5544-7766-8899-aabbccddeeff, _, wild pointer 0x1000000000000000, null)',
  });
  t.same(
    firmware.answer(called({ rip: BigInt(BOOT + 0xf8), rcx: 3n })),
    { what: 'EFI Stall(0x3)' },
    'a slot that no capture read',
  );
  t.match(firmware.answer(called({ rip: 0x9300_0000n })), { what: /^control at 0x93000000 in 64-bit code/ });
});
