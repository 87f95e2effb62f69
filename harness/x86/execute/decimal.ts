/** AAA, AAS, AAM, AAD, DAA, DAS (SDM 2A; not in 64-bit mode, says the decoder). Undefined flags as QEMU 7.2 leaves them. */
import {
  FLAG,
  isAdjust,
  isCarry,
  setLogicFlags,
  setCarryAndOverflow,
  writeSomeFlags,
} from '../state/flags.ts';
import { GENERAL } from '../state/state-layout.ts';
import { GuestFault, VECTOR } from './guest-fault.ts';
import type { Build, Family, Operation } from './operation.ts';

const RAX = GENERAL;
const BYTE_SHIFT = 24;

function setAx(words: Int32Array, ax: number): void {
  words[RAX] = (words[RAX]! & ~0xffff) | (ax & 0xffff);
}

/** @param correction of AX where AL's low digit is none or the last operation carried out of it */
const unpacked =
  (correction: number): Build =>
  () =>
  ({ words }) => {
    const ax = words[RAX]! & 0xffff;
    const isCorrected = (ax & 0xf) > 9 || isAdjust(words);
    setAx(words, (isCorrected ? ax + correction : ax) & 0xff0f);
    writeSomeFlags(words, isCorrected ? FLAG.af | FLAG.cf : 0, FLAG.af | FLAG.cf);
  };

/** @param direction 1: after an addition, −1: after a subtraction */
const packed =
  (direction: 1 | -1): Build =>
  () =>
  ({ words }) => {
    const old = words[RAX]! & 0xff;
    const isLow = (old & 0xf) > 9 || isAdjust(words);
    const isHigh = old > 0x99 || isCarry(words);
    const borrows = direction === -1 && isLow && old < 6;
    const al = (old + direction * ((isLow ? 6 : 0) + (isHigh ? 0x60 : 0))) & 0xff;
    words[RAX] = (words[RAX]! & ~0xff) | al;
    setLogicFlags(words, al, BYTE_SHIFT);
    setCarryAndOverflow(words, isHigh || borrows, false);
    writeSomeFlags(words, isLow ? FLAG.af : 0, FLAG.af);
  };

const withBase =
  (operate: (base: number) => Operation): Build =>
  ({ operands: [base] }) =>
    base?.kind === 'immediate' ? operate(Number(base.value)) : undefined;

/** @throws GuestFault: #DE for a base of 0 */
const split =
  (base: number): Operation =>
  ({ words }) => {
    if (base === 0) throw new GuestFault(VECTOR.divide);
    const al = words[RAX]! & 0xff;
    setAx(words, (Math.trunc(al / base) << 8) | (al % base));
    setLogicFlags(words, al % base, BYTE_SHIFT);
  };

const join =
  (base: number): Operation =>
  ({ words }) => {
    const ax = words[RAX]! & 0xffff;
    const al = ((ax >>> 8) * base + ax) & 0xff;
    setAx(words, al);
    setLogicFlags(words, al, BYTE_SHIFT);
  };

export const DECIMAL_FAMILY: Family = {
  aaa: unpacked(0x106),
  aas: unpacked(-0x106),
  daa: packed(1),
  das: packed(-1),
  aam: withBase(split),
  aad: withBase(join),
};
