/** A machine that hardly gives anything, for tests that say themselves what it answers. */
import { type FirmwareReply, type MachineProfile, parseMachineProfile } from '../machine-profile.ts';

export const SMALL_JSON = {
  schema: 'loadbase.machine/1',
  ...{ name: 'small', firmware: 'bios', accelerator: 'tcg' },
  provenance: {
    traces: [
      {
        instance: 'small~bios',
        sha256: '0'.repeat(64),
        capturedAt: '2026-01-01T00:00:00.000Z',
        loadBase: '0x400000',
      },
    ],
    ...{ tools: [], madeAt: '2026-01-01T00:00:00.000Z', again: 'nothing', notes: [] },
  },
  captured: {
    imageSha256: '0'.repeat(64),
    linkBase: '0x200000',
    loadBase: '0x400000',
    loadSizeBytes: '0x1000',
  },
  entry: { fields: { rbx: '0x2000', cr0: '0x11', a20: '0x1' }, rules: { rip: 'entry point' } },
  bootInformation: {
    ...{ address: '0x2000', commandLine: 'quiet', loaderName: 'GRUB 2.06' },
    tags: [
      { type: 21 },
      { type: 1 },
      { type: 2 },
      { type: 4, payload: '7f02000070fb0700' },
      { type: 9 },
      { type: 0 },
    ],
  },
  memory: [{ address: '0x40e', bytes: 'c09f' }],
  tables: [] as object[],
  cpu: {
    cpuid: [
      { leaf: '0x1', subleaf: '0x0', answers: [['0x60fb1', '0x800', '0x80002001', '0x78bfbfd']] },
      { leaf: '0x7', subleaf: '0x1', answers: [['0x1', '0x2', '0x3', '0x4']] },
    ],
    modelSpecific: [{ index: '0xc0000080', answers: ['0x500'] }],
    ports: [{ port: '0x64', sizeBytes: 1, answers: ['0x1', '0x0'] }],
    timestamps: [
      { loadBase: '0x400000', answers: ['0x1000000005', '0x1000000009'] },
      { loadBase: '0x800000', answers: ['0x77'] },
    ],
  },
  replies: [] as object[],
  occupied: [{ start: '0x100000', end: '0x101000', what: 'boot information' }],
};

/** @param changes in place of what {@link SMALL_JSON} has at the top */
export function smallProfile(changes: object = {}): MachineProfile {
  return parseMachineProfile(JSON.stringify({ ...SMALL_JSON, ...changes }));
}

export function smallReply(question: string, changes: Partial<FirmwareReply> = {}): FirmwareReply {
  return { question, registers: [], flags: { value: 0, mask: 0 }, writes: [], ...changes };
}
