/** Whether a firmware answered alike in several captures, once addresses within the image are moved. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { FirmwareReply } from './machine-profile.ts';

export interface ComparedCapture {
  readonly capture: { readonly loadBase: number; readonly header: { readonly instance: string } };
  readonly calls: { readonly replies: readonly FirmwareReply[] };
}

/** Registers that an EFI service leaves as it likes (UEFI Specification 2.10 §2.3.4.1): nobody may look at them. */
const VOLATILE: ReadonlySet<string> = new Set(['rcx', 'rdx', 'r8', 'r9', 'r10', 'r11']);

/** One line each, in words: the first capture's answer is the one that is given. */
export function differingReplies(
  firmware: 'bios' | 'efi',
  [first, ...others]: readonly ComparedCapture[],
): string[] {
  const differing = others.flatMap((other) => differencesOf(first!, other));
  const isNoise = ({ register }: Difference): boolean =>
    firmware === 'efi' && register !== undefined && VOLATILE.has(register);
  const noise = differing.filter(isNoise).length;
  return [
    ...new Set(differing.filter((each) => !isNoise(each)).map(({ text }) => text)),
    ...(noise > 0
      ? [`${noise} times a register that a service may change was left as another in another capture`]
      : []),
  ];
}

interface Difference {
  readonly text: string;
  readonly register?: string;
}

function differencesOf(first: ComparedCapture, other: ComparedCapture): Difference[] {
  const { replies } = first.calls;
  const distance = BigInt(other.capture.loadBase - first.capture.loadBase);
  const where = `at ${hex(other.capture.loadBase)}`;
  if (other.calls.replies.length !== replies.length)
    return [
      { text: `${where} the firmware was called ${other.calls.replies.length} times, not ${replies.length}` },
    ];
  return replies.flatMap((reply, index) =>
    differences(reply, other.calls.replies[index]!, distance).map(({ text, ...rest }) => ({
      ...rest,
      text: `call ${index + 1}, ${reply.question}: ${text} ${where}`,
    })),
  );
}

function differences(ours: FirmwareReply, theirs: FirmwareReply, distance: bigint): Difference[] {
  if (ours.question !== theirs.question) return [{ text: `it is ${theirs.question}` }];
  const registers = ours.registers
    .filter(({ name, value, isMoved, bits }) => {
      const other = theirs.registers.find((each) => each.name === name);
      return other?.value !== BigInt.asUintN(bits, isMoved ? value + distance : value);
    })
    .map(({ name }) => ({ text: `${name} is another`, register: name }));
  const mask = ours.flags.mask & theirs.flags.mask;
  const flags = ((ours.flags.value ^ theirs.flags.value) & mask) === 0 ? [] : [{ text: 'flags are others' }];
  const [here, there] = [writtenBytes(ours, distance), writtenBytes(theirs, 0n)];
  const places = new Set([...here.keys(), ...there.keys()]);
  const writes = [...places]
    .filter((place) => here.get(place) !== there.get(place))
    .map((place) => ({ text: `what it writes at ${place} is another` }));
  return [...registers, ...flags, ...writes];
}

function writtenBytes({ writes }: FirmwareReply, distance: bigint): Map<string, string> {
  return new Map(
    writes.map(({ through, at, bytes, moved = [] }) => {
      const copy = Buffer.from(bytes);
      for (const each of moved)
        copy.writeBigUInt64LE(BigInt.asUintN(64, copy.readBigUInt64LE(each) + distance), each);
      return [`${through}+${hex(at, 1)}`, encodeHex(copy)];
    }),
  );
}
