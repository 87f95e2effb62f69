import t from 'tap';
import { lengthOfCall } from './call-site.ts';

const CALLS: readonly (readonly [string, string, number])[] = [
  ['call rel32', '90 90 90 e8 00 01 00 00', 5],
  ['call *%rax', '90 90 90 90 90 90 ff d0', 2],
  ['call *%r8', '90 90 90 90 90 41 ff d0', 3],
  ['call *0x40(%rax)', '90 90 90 90 90 ff 50 40', 3],
  ['call *0x40(%rsp)', '90 90 90 90 ff 54 24 40', 4],
  ['call *0x100(%rax)', '90 90 ff 90 00 01 00 00', 6],
  ['call *0x100(%rip)', '90 90 ff 15 00 01 00 00', 6],
  ['call *0x100(%rax,%rcx,8)', '90 ff 94 c8 00 01 00 00', 7],
  ['call *0x100(,%rcx,8)', '90 ff 14 cd 00 01 00 00', 7],
  ['no call', '90 90 90 90 90 90 90 90', 0],
  ['jmp *%rax', '90 90 90 90 90 90 ff e0', 0],
];
for (const [what, hex, length] of CALLS)
  void t.test(what, (t) => {
    t.equal(lengthOfCall(Buffer.from(hex.replaceAll(' ', ''), 'hex')), length);
    t.end();
  });
