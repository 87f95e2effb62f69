import t from 'tap';
import type { Divergence } from '../replay/divergence.ts';
import { divergenceJson } from './replay-json.ts';

const place = {
  step: 2,
  linear: 0xffff_82d0_4020_0000n,
  bitness: 64,
  bytes: Uint8Array.of(0x0f, 0x0e),
} as const;
const json = (disagreement: Divergence['disagreement']): unknown =>
  JSON.parse(JSON.stringify(divergenceJson({ at: place, disagreement, before: [{ ...place, step: 1 }] })));

t.test('addresses, values and bytes are hexadecimal text', (t) => {
  const fields = [{ name: 'rip', expected: 0x1_0000_0000n, actual: 1n }];
  t.same(json({ kind: 'state', fields }), {
    at: { step: 2, linear: '0xffff82d040200000', bitness: 64, bytes: '0f0e' },
    disagreement: { kind: 'state', fields: [{ name: 'rip', expected: '0x100000000', actual: '0x00000001' }] },
    before: [{ step: 1, linear: '0xffff82d040200000', bitness: 64, bytes: '0f0e' }],
  });
  const bytes = Uint8Array.of(0x0f, 0x0e);
  t.match(
    json({
      kind: 'stopped',
      reason: { kind: 'unknown opcode', bytes, bitness: 64, linear: 16n, mnemonic: '' },
    }),
    { disagreement: { kind: 'stopped', reason: { bytes: '0f0e', linear: '0x00000010' } } },
  );
  t.end();
});
