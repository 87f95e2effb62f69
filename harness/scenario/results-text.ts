/** results.json as text, in three parts: what never changes, one piece per instance, what changes with each instance. */
import type { InstanceResult, Results } from './contract.ts';

/** Up to the opening bracket of `instances`. */
export function headText({ schema, runId, startedAt, host, tools, planned }: Results): string {
  const head = JSON.stringify({ schema, runId, startedAt, host, tools, planned }, undefined, 1);
  return `${head.slice(0, -'\n}'.length)},\n "instances": [`;
}

/** @param index the instance's place among all. */
export function instanceText(result: InstanceResult, index: number): string {
  return `${index === 0 ? '' : ','}\n  ${indented(result, '  ')}`;
}

/** From the closing bracket of `instances` on. */
export function tailText({ instances, totals, finished }: Results): string {
  const bracket = instances.length === 0 ? ']' : '\n ]';
  return `${bracket},\n "totals": ${indented(totals, ' ')},\n "finished": ${finished}\n}\n`;
}

/** (A line break within a string is `\n` in JSON, so each that is there belongs to the layout.) */
function indented(value: unknown, indent: string): string {
  return JSON.stringify(value, undefined, 1).replaceAll('\n', `\n${indent}`);
}
