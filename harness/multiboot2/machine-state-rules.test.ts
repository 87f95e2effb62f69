import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseRegisterDump } from '../qemu/register-dump.ts';
import {
  checkMachineState,
  type EntryKind,
  MACHINE_STATE_RULES,
  type MachineState,
  type SegmentState,
} from './machine-state-rules.ts';
import { brokenRules } from './rule-finding.ts';

/** What QEMU 7.2 printed at the first instruction of a kernel that GRUB 2.06 started. */
const real = (name: string): MachineState =>
  parseRegisterDump(readFileSync(new URL(`../qemu/testdata/registers-${name}.txt`, import.meta.url), 'utf8'));

const REAL = {
  multiboot32: [real('multiboot32-bios'), real('multiboot32-efi')],
  efi64: [real('efi64')],
} as const;

type Change = (state: MachineState) => MachineState;
const general =
  (name: string, value: bigint): Change =>
  (state) => ({ ...state, general: { ...state.general, [name]: value } });
const set =
  (change: Partial<MachineState>): Change =>
  (state) => ({ ...state, ...change });
const bits =
  (name: 'cr0' | 'cr4' | 'efer' | 'rflags', mask: bigint): Change =>
  (state) => ({ ...state, [name]: state[name] ^ mask });
const segment =
  (name: keyof MachineState['segments'], change: Partial<SegmentState>): Change =>
  (state) => ({
    ...state,
    segments: { ...state.segments, [name]: { ...state.segments[name], ...change } },
  });

const COMMON: Readonly<Record<string, readonly Change[]>> = {
  'entry-magic': [general('rax', 0x2badb002n)],
  'entry-information': [general('rbx', 0n), general('rbx', 0x3004n), general('rbx', 0xff8n)],
  'protected-mode': [bits('cr0', 1n)],
  'a20-on': [set({ a20: false })],
};
const BREAKAGES: Readonly<Record<EntryKind, Readonly<Record<string, readonly Change[]>>>> = {
  multiboot32: {
    ...COMMON,
    'code-segment': [
      segment('cs', { base: 0x10n }),
      segment('cs', { limit: 0xffff }),
      segment('cs', { flags: 0x00cf9800 }),
      segment('cs', { flags: 0x008f9a00 }),
      segment('cs', { flags: 0x00cf9200 }),
    ],
    'data-segments': [
      segment('ds', { base: 0x10n }),
      segment('es', { limit: 0xffff }),
      segment('fs', { flags: 0x00cf9100 }),
      segment('gs', { flags: 0x008f9300 }),
      segment('ss', { flags: 0x00cf1300 }),
    ],
    'paging-off': [bits('cr0', 1n << 31n)],
    'virtual-8086-off': [bits('rflags', 1n << 17n)],
    'interrupts-off': [bits('rflags', 0x200n)],
  },
  efi64: {
    ...COMMON,
    'long-mode': [bits('efer', 0x100n), bits('efer', 0x400n), segment('cs', { flags: 0x00cf9a00 })],
    'paging-on': [bits('cr0', 1n << 31n), bits('cr4', 0x20n)],
    'flat-selectors': [segment('fs', { base: 1n }), segment('cs', { limit: 0xffff })],
    'interrupts-on': [bits('rflags', 0x200n)],
    'direction-up': [bits('rflags', 0x400n)],
    'stack-aligned': [general('rsp', 0xfea0308n), general('rsp', 0n)],
    'interrupt-table': [set({ idtr: { base: 0n, limit: 0 } }), set({ gdtr: { base: 0n, limit: 0 } })],
    'floating-point': [bits('cr0', 4n), bits('cr0', 8n), set({ fcw: 0x40 }), set({ mxcsr: 0 })],
  },
};

for (const entry of ['multiboot32', 'efi64'] as const) {
  t.test(`${entry}: what GRUB really leaves breaks no rule`, (t) => {
    for (const state of REAL[entry])
      t.strictSame(
        checkMachineState(state, entry).map(({ rule, ok }) => [rule, ok]),
        MACHINE_STATE_RULES[entry].map(({ name }) => [name, true]),
      );
    t.end();
  });

  t.test(`${entry}: each rule has breakages that make exactly it speak`, (t) => {
    t.strictSame(
      Object.keys(BREAKAGES[entry]).sort(),
      MACHINE_STATE_RULES[entry].map(({ name }) => name).sort(),
    );
    for (const [name, changes] of Object.entries(BREAKAGES[entry]))
      for (const change of changes)
        t.strictSame(
          brokenRules(checkMachineState(change(REAL[entry][0]), entry)).map(({ rule }) => rule),
          [name],
        );
    t.end();
  });
}

t.test('the other kind of entry is told apart, and what was seen is said', (t) => {
  const broken = (state: MachineState, entry: EntryKind) => brokenRules(checkMachineState(state, entry));
  t.match(
    broken(REAL.efi64[0], 'multiboot32').map(({ rule }) => rule),
    ['code-segment', 'paging-off', 'interrupts-off'],
  );
  t.match(
    broken(REAL.multiboot32[0], 'efi64').find(({ rule }) => rule === 'long-mode')?.text,
    /^EFER is 0x00000000, CS is 0x0010 with base 0x00000000, limit 0xffffffff, flags 0x00cf9a00; UEFI 2\.6/,
  );
  t.notOk(
    checkMachineState({ ...REAL.efi64[0], a20: undefined }, 'efi64').some(({ rule }) => rule === 'a20-on'),
    'what cannot be told is not judged',
  );
  t.end();
});
