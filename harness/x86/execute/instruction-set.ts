/** All families as one table. */
import type { ExecutableInstruction } from '../instruction.ts';
import { ARITHMETIC_FAMILY } from './arithmetic.ts';
import { CONTROL_REGISTER_FAMILY } from './control-registers.ts';
import { BIT_FAMILY } from './bits.ts';
import { DECIMAL_FAMILY } from './decimal.ts';
import { EXCHANGE_FAMILY } from './exchange.ts';
import { FLAG_CONTROL_FAMILY } from './flag-control.ts';
import { MULTIPLY_FAMILY } from './multiply.ts';
import { DATA_TRANSFER_FAMILY } from './data-transfer.ts';
import { DESCRIPTOR_TABLE_FAMILY } from './descriptor-tables.ts';
import { FAR_TRANSFER_FAMILY } from './far-transfers.ts';
import { FPU_CONTROL_FAMILY } from './fpu-control.ts';
import { INTERRUPT_FAMILY } from './interrupts.ts';
import { NEAR_TRANSFER_FAMILY } from './near-transfers.ts';
import type { Family, Operation, Setting } from './operation.ts';
import { ROTATE_FAMILY } from './rotates.ts';
import { SHIFT_FAMILY } from './shifts.ts';
import { STACK_FAMILY } from './stack.ts';
import { STRING_FAMILY } from './strings.ts';
import { SEGMENT_FAMILY } from './segments.ts';
import { SYSTEM_FAMILY } from './system.ts';
import { USUAL_FORMS } from './usual-forms.ts';

/** A family later in the list is asked where the earlier ones have no such form: `mov` of integers, then of segments. */
const FAMILIES: readonly Family[] = [
  USUAL_FORMS,
  DATA_TRANSFER_FAMILY,
  ARITHMETIC_FAMILY,
  NEAR_TRANSFER_FAMILY,
  STACK_FAMILY,
  SHIFT_FAMILY,
  ROTATE_FAMILY,
  STRING_FAMILY,
  SEGMENT_FAMILY,
  FAR_TRANSFER_FAMILY,
  INTERRUPT_FAMILY,
  CONTROL_REGISTER_FAMILY,
  DESCRIPTOR_TABLE_FAMILY,
  SYSTEM_FAMILY,
  MULTIPLY_FAMILY,
  FLAG_CONTROL_FAMILY,
  EXCHANGE_FAMILY,
  DECIMAL_FAMILY,
  BIT_FAMILY,
  FPU_CONTROL_FAMILY,
];

/** @returns undefined where no family has semantics for it. */
export function buildOperation(instruction: ExecutableInstruction, setting: Setting): Operation | undefined {
  for (const family of FAMILIES) {
    const operation = family[instruction.mnemonic]?.(instruction, setting);
    if (operation) return operation;
  }
  return undefined;
}
