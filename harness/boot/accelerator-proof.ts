/**
 * Which accelerator `auto` means. KVM may be there and useless: the device opens, a machine is made, and the boot hangs
 * or ends in an internal error. So it counts only after it has booted a survey to its end within a bounded time; the
 * answer is remembered per QEMU binary, host kernel and firmware.
 */
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Deadline } from '../lifetime/deadline.ts';
import type { Accelerator } from '../qemu/machine-spec.ts';
import { digestOfInputs, type KeyInputs } from '../toolchain/digest.ts';
import { writeFileAtomic } from '../workdir/atomic-file.ts';
import { NoSpaceError, UnwritableFolderError } from '../workdir/folder-errors.ts';
import { makeFolder } from '../workdir/run-folder.ts';
import { survey, type SurveyRequest } from './survey.ts';

export interface AcceleratorProof {
  readonly accelerator: Accelerator;
  /** Why this one: in words, for doctor and for results. */
  readonly reason: string;
}

/** A SeaBIOS survey takes 0.4 s and an OVMF one 3 s even under TCG. */
const PROBE_MS = 10_000;

const FORMAT = 1;

export interface ProofRequest extends Omit<SurveyRequest, 'deadline'> {
  readonly cacheRoot: string;
  /** What decides the answer: QEMU's SHA-256, the host's kernel release, the firmware. */
  readonly inputs: KeyInputs;
  readonly onProbe?: () => void;
  /** Default /dev/kvm. */
  readonly kvmDevice?: string;
}

/**
 * Never throws for a useless accelerator: that is the answer `tcg` with the reason.
 * @throws NoSpaceError, UnwritableFolderError where the probe's evidence or the answer cannot be written: that says
 * nothing about the accelerator, and is not remembered.
 */
export async function proveAccelerator(request: ProofRequest): Promise<AcceleratorProof> {
  const absent = await kvmAbsent(request.kvmDevice);
  if (absent) return { accelerator: 'tcg', reason: absent };
  const path = join(
    request.cacheRoot,
    'accelerators',
    `${digestOfInputs({ format: FORMAT, ...request.inputs })}.json`,
  );
  const known = await remembered(path);
  if (known) return known;
  request.onProbe?.();
  const proof = await probe(request);
  await makeFolder(join(request.cacheRoot, 'accelerators'));
  await writeFileAtomic(path, JSON.stringify(proof));
  return proof;
}

/** Looks only at what is remembered: undefined where KVM is there and was not proved yet. */
export async function rememberedAccelerator(
  cacheRoot: string,
  inputs: KeyInputs,
): Promise<AcceleratorProof | undefined> {
  const absent = await kvmAbsent();
  if (absent) return { accelerator: 'tcg', reason: absent };
  return remembered(join(cacheRoot, 'accelerators', `${digestOfInputs({ format: FORMAT, ...inputs })}.json`));
}

async function kvmAbsent(device = '/dev/kvm'): Promise<string | undefined> {
  return access(device, constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT'
        ? `there is no ${device}`
        : `${device} cannot be opened (${error.code ?? error.message})`,
  );
}

async function remembered(path: string): Promise<AcceleratorProof | undefined> {
  try {
    const known = JSON.parse(await readFile(path, 'utf8')) as Partial<AcceleratorProof> | null;
    const isProof = known?.accelerator === 'tcg' || known?.accelerator === 'kvm';
    return isProof && typeof known.reason === 'string' ? (known as AcceleratorProof) : undefined;
  } catch {
    return undefined;
  }
}

async function probe(request: ProofRequest): Promise<AcceleratorProof> {
  try {
    const { durationMs } = await survey({
      ...request,
      spec: { ...request.spec, accelerator: 'kvm' },
      deadline: Deadline.in(PROBE_MS),
    });
    return { accelerator: 'kvm', reason: `KVM booted a survey in ${(durationMs / 1000).toFixed(1)} s` };
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof NoSpaceError || error instanceof UnwritableFolderError) throw error;
    const cause = (error instanceof Error ? error.message : String(error)).replace(
      /; its logs are in .*$/,
      '',
    );
    return { accelerator: 'tcg', reason: `/dev/kvm is there, but a probe boot under it failed: ${cause}` };
  }
}
