/** The firmware's calls of an observed boot as replies, and the UEFI tables that turn up on the way. */
import { hex } from '../bits/hex.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { biosQuestion } from './bios-question.ts';
import { efiQuestion } from './efi-question.ts';
import { PROTOCOL_TABLES } from './efi-services.ts';
import { EfiFunctions, readPointer, type TablePlace } from './efi-tables.ts';
import { addUnknown, isKnown, knownRuns } from './known-memory.ts';
import type { FirmwareReply } from './machine-profile.ts';
import type { ObservedCall, Observer } from './observed-boot.ts';
import type { AnswerPlace, Question } from './question.ts';
import { CallNotUnderstoodError, type ImagePlace, replyOf } from './reply.ts';

const EFI_RETURN: ReadonlySet<string> = new Set(['rip', 'rsp']);
/** IRET gives back what the frame held. */
const INTERRUPT_RETURN: ReadonlySet<string> = new Set(['rip', 'rsp']);

export class ObservedCalls implements Observer {
  readonly replies: FirmwareReply[] = [];
  /** By call: where its answer was written. */
  readonly places: (readonly AnswerPlace[])[] = [];
  readonly #functions: EfiFunctions | undefined;
  readonly #image: ImagePlace;
  readonly #supplement: PhysicalMemory;

  /**
   * @param systemTable EFI: where it is
   * @param supplement what other captures of the same machine know of its memory
   */
  constructor(
    image: ImagePlace,
    supplement: PhysicalMemory,
    efi?: { readonly systemTable: number; readonly memory: PhysicalMemory },
  ) {
    this.#image = image;
    this.#supplement = supplement;
    this.#functions = efi && new EfiFunctions(efi.memory, [{ kind: 'system', address: efi.systemTable }]);
  }

  get tables(): readonly TablePlace[] {
    return this.#functions?.tables ?? [];
  }

  /** Where known functions of the firmware begin. */
  get targets(): readonly number[] {
    return this.#functions?.targets ?? [];
  }

  readonly onCall = (cpu: Cpu, call: ObservedCall): (() => void) => {
    const { physical } = cpu;
    const question = this.#question(cpu, call.before);
    return () => {
      for (const place of question.places) this.#complete(place, physical);
      this.replies.push(
        replyOf(
          { ...call, question, memory: physical, ignored: this.#functions ? EFI_RETURN : INTERRUPT_RETURN },
          this.#image,
        ),
      );
      this.places.push(question.places.map((place) => sized(place, physical)));
      this.#learn(question, physical);
    };
  };

  #question({ physical, linearInstruction }: Cpu, words: Int32Array): Question {
    const question = this.#functions
      ? efiQuestion(words, physical, this.#functions)
      : biosQuestion(words, physical);
    if (question) return question;
    throw new CallNotUnderstoodError(
      `call ${this.replies.length + 1}, at ${hex(linearInstruction)}`,
      'it is at no function of a known table, and at no interrupt handler',
    );
  }

  /** EFI: a whole answer may be known where this capture has only what was read of it. BIOS: it may be somebody's code. */
  #complete({ address, sizeBytes }: AnswerPlace, memory: PhysicalMemory): void {
    if (!this.#functions) return;
    const { loadBase, sizeBytes: imageBytes } = this.#image;
    if (address >= loadBase && address < loadBase + imageBytes) return;
    for (const run of knownRuns(this.#supplement, address, sizeBytes(memory))) addUnknown(memory, run);
  }

  /** An interface of a protocol that is a table: its functions have names from now on. */
  #learn({ text, places }: Question, memory: PhysicalMemory): void {
    const functions = this.#functions;
    const service = /^EFI (HandleProtocol|OpenProtocol|LocateProtocol)\(/.exec(text)?.[1];
    if (!functions || service === undefined) return;
    const guid = Object.keys(PROTOCOL_TABLES).find((each) => text.includes(each));
    const place = places[0];
    if (guid === undefined || !place || !isKnown(memory, place.address)) return;
    const address = readPointer(memory, place.address);
    if (address !== 0) functions.add({ kind: PROTOCOL_TABLES[guid]!, address });
  }
}

/** As large as it is now. */
function sized(place: AnswerPlace, memory: PhysicalMemory): AnswerPlace {
  const size = place.sizeBytes(memory);
  return { ...place, sizeBytes: () => size };
}
