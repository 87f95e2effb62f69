/** Answers calls of the firmware as it answered when it was captured, whoever asks. */
import { hex } from '../bits/hex.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readFlags } from '../x86/state/flags.ts';
import {
  BASE,
  BASE_HIGH,
  CS,
  GENERAL,
  readField,
  RFLAGS,
  RIP,
  segmentWord,
  SELECTOR,
  STATE_WORDS,
  writeField,
} from '../x86/state/state-layout.ts';
import { biosQuestion, FRAME_BYTES, stackTop } from './bios-question.ts';
import { efiQuestion, readWide } from './efi-question.ts';
import { EfiFunctions, fillTables } from './efi-tables.ts';
import { memoryOf } from './known-memory.ts';
import type { FirmwareReply, MachineProfile } from './machine-profile.ts';
import type { Question } from './question.ts';
import { applyReply, ARITHMETIC_FLAGS } from './reply.ts';

/** The firmware was asked what no capture has an answer to. */
export interface Unanswered {
  /** e.g. `EFI HandleProtocol(0x9e66aa18, 4cf5b200-… (PCI I/O), pointer)` */
  readonly what: string;
}

const RSP = GENERAL + 2 * 4;

/**
 * EFI memory maps are given as captured. GRUB 2.06 reserves no memory where it puts the image (its relocator copies the image
 * there after the last allocation), so the captured map does not name the place; only the buffer that GRUB unpacked the image
 * into is reserved, and that lies at the link base whatever the load base is. A descriptor that did begin within the captured
 * image would move with it, as any address does; none is split or joined.
 */
export class FirmwareStandIn {
  readonly #replies = new Map<string, FirmwareReply[]>();
  readonly #asked = new Map<string, number>();
  readonly #functions: EfiFunctions;
  readonly #capturedBase: number;
  #distance = 0;

  /** @param loadBase of the image that is run */
  constructor(profile: MachineProfile, loadBase: number) {
    for (const reply of profile.replies) {
      const same = this.#replies.get(reply.question);
      if (same) same.push(reply);
      else this.#replies.set(reply.question, [reply]);
    }
    const memory = memoryOf(profile.memory);
    fillTables(profile.tables, memory);
    this.#functions = new EfiFunctions(memory, profile.tables);
    this.#capturedBase = profile.captured.loadBase;
    this.reset(loadBase);
  }

  /** To the first call. @param loadBase where another image is run; default: as before */
  reset(loadBase = this.#capturedBase + this.#distance): void {
    this.#asked.clear();
    this.#distance = loadBase - this.#capturedBase;
  }

  /**
   * To be called where the model left for the firmware: at the handler of a BIOS interrupt, or the first instruction of an EFI
   * service. Equal questions are answered in the order of the capture, the last answer again and again.
   * @returns undefined where control is back with the caller; else the state is as it was
   */
  answer(cpu: Cpu): Unanswered | undefined {
    readFlags(cpu.words);
    const words = cpu.words.slice(0, STATE_WORDS);
    const { physical } = cpu;
    const question =
      cpu.bitness === 64
        ? efiQuestion(words, physical, this.#functions)
        : cpu.bitness === 16 && !cpu.isProtected
          ? biosQuestion(words, physical)
          : undefined;
    if (!question)
      return {
        what: `control at ${hex(cpu.linearInstruction)} in ${cpu.bitness}-bit code, which is no entry of the firmware`,
      };
    const reply = this.#replyTo(question);
    if (!reply) return { what: question.text };
    const isEfi = cpu.bitness === 64;
    // Before the reply: it may be written over the frame's place.
    if (isEfi) returnNear(words, physical);
    else returnFromInterrupt(words, physical);
    applyReply(reply, question, words, physical, this.#distance);
    const mask = isEfi ? reply.flags.mask : ARITHMETIC_FLAGS;
    words[RFLAGS] = (words[RFLAGS]! & ~mask) | (reply.flags.value & mask);
    cpu.resume(words);
    return undefined;
  }

  #replyTo({ text }: Question): FirmwareReply | undefined {
    const replies = this.#replies.get(text);
    if (!replies) return undefined;
    const index = this.#asked.get(text) ?? 0;
    this.#asked.set(text, index + 1);
    return replies[index] ?? replies.at(-1);
  }
}

function returnNear(words: Int32Array, memory: PhysicalMemory): void {
  const stack = readField(words, 'rsp');
  writeField(words, 'rip', readWide(memory, Number(stack)));
  writeField(words, 'rsp', stack + 8n);
}

/** IRET in real mode (SDM 2A): 16 bits each of IP, CS, FLAGS. */
function returnFromInterrupt(words: Int32Array, memory: PhysicalMemory): void {
  const frame = Buffer.from(memory.read(stackTop(words), FRAME_BYTES));
  const code = segmentWord(CS);
  words[RIP] = frame.readUInt16LE(0);
  words[RIP + 1] = 0;
  words[code + SELECTOR] = frame.readUInt16LE(2);
  words[code + BASE] = frame.readUInt16LE(2) << 4;
  words[code + BASE_HIGH] = 0;
  words[RFLAGS] = (words[RFLAGS]! & ~0xffff) | frame.readUInt16LE(4);
  words[RSP] = (words[RSP]! & ~0xffff) | ((words[RSP]! + FRAME_BYTES) & 0xffff);
}
