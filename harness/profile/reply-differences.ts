/** Whether a firmware answered alike in several captures, once addresses within the image are moved. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { FirmwareReply } from './machine-profile.ts';

export interface ComparedCapture {
  readonly capture: { readonly loadBase: number; readonly header: { readonly instance: string } };
  readonly calls: { readonly replies: readonly FirmwareReply[] };
}

/** One line each, in words: the first capture's answer is the one that is given. */
export function differingReplies([first, ...others]: readonly ComparedCapture[]): string[] {
  return [...new Set(others.flatMap((other) => differencesOf(first!, other)))];
}

function differencesOf(first: ComparedCapture, other: ComparedCapture): string[] {
  const { replies } = first.calls;
  const distance = BigInt(other.capture.loadBase - first.capture.loadBase);
  const where = `at ${hex(other.capture.loadBase)}`;
  if (other.calls.replies.length !== replies.length)
    return [`${where} the firmware was called ${other.calls.replies.length} times, not ${replies.length}`];
  return replies.flatMap((reply, index) =>
    differences(reply, other.calls.replies[index]!, distance).map(
      (what) => `call ${index + 1}, ${reply.question}: ${what} ${where}`,
    ),
  );
}

function differences(ours: FirmwareReply, theirs: FirmwareReply, distance: bigint): string[] {
  if (ours.question !== theirs.question) return [`it is ${theirs.question}`];
  const registers = ours.registers
    .filter(({ name, value, isMoved, bits }) => {
      const other = theirs.registers.find((each) => each.name === name);
      return other?.value !== BigInt.asUintN(bits, isMoved ? value + distance : value);
    })
    .map(({ name }) => `${name} is another`);
  const mask = ours.flags.mask & theirs.flags.mask;
  const flags = ((ours.flags.value ^ theirs.flags.value) & mask) === 0 ? [] : ['flags are others'];
  const [here, there] = [writtenBytes(ours, distance), writtenBytes(theirs, 0n)];
  const places = new Set([...here.keys(), ...there.keys()]);
  const writes = [...places]
    .filter((place) => here.get(place) !== there.get(place))
    .map((place) => `what it writes at ${place} is another`);
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
