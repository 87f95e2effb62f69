/** A CPU state with flat segments, as a test begins with it. */
import {
  ATTRIBUTES,
  LIMIT,
  segmentWord,
  SELECTOR,
  STATE_WORDS,
  writeField,
} from '../../state/state-layout.ts';

const ATTRIBUTES_OF = {
  code16: 0x0000_9b00,
  code32: 0x00cf_9b00,
  code64: 0x00af_9b00,
  data16: 0x0000_9300,
  data: 0x00cf_9300,
};

/** 16: real mode with segments at 0; 32: protected mode, no paging; 64: no page tables, so for code that accesses no memory. */
export function flatState(bitness: 16 | 32 | 64): Int32Array {
  const state = new Int32Array(STATE_WORDS);
  for (let index = 0; index < 6; index++) {
    const word = segmentWord(index);
    state[word + SELECTOR] = bitness === 16 ? 0 : index === 1 ? 8 : 16;
    state[word + LIMIT] = bitness === 16 ? 0xffff : -1;
    state[word + ATTRIBUTES] =
      ATTRIBUTES_OF[index === 1 ? (`code${bitness}` as const) : bitness === 16 ? 'data16' : 'data'];
  }
  writeField(state, 'rflags', 2n);
  writeField(state, 'cr0', bitness === 16 ? 0x10n : 0x11n);
  writeField(state, 'efer', bitness === 64 ? 0x500n : 0n);
  writeField(state, 'a20', 1n);
  return state;
}
