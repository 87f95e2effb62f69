import t from 'tap';
import { encodeCommand, parseMessage } from './messages.ts';

t.test('the specification’s examples', async (t) => {
  t.match(
    parseMessage(
      '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 0, "major": 3}, "package": "v3.0.0"}, "capabilities": ["oob"]}}',
    ),
    {
      kind: 'greeting',
      greeting: { version: { major: 3, minor: 0, micro: 0 }, package: 'v3.0.0', capabilities: ['oob'] },
    },
  );
  t.same(parseMessage('{"return": {"running": true}, "id": "example"}'), {
    kind: 'return',
    id: 'example',
    value: { running: true },
  });
  t.same(parseMessage('{"error": {"class": "GenericError", "desc": "JSON parse error, expecting value"}}'), {
    kind: 'error',
    id: undefined,
    error: { class: 'GenericError', desc: 'JSON parse error, expecting value' },
  });
  t.same(
    parseMessage('{"timestamp": {"seconds": 1258551470, "microseconds": 802384}, "event": "POWERDOWN"}'),
    { kind: 'event', name: 'POWERDOWN', data: {}, timeMs: 1258551470802.384 },
  );
});

t.test('a clock that failed is no time', async (t) => {
  const event = '{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"}';
  t.same(parseMessage(event), { kind: 'event', name: 'STOP', data: {}, timeMs: undefined });
});

t.test('what is no message is refused', async (t) => {
  for (const line of ['', '{', '7', 'null', '[]', '{}', '{"event": 7}', '{"error": {}}', '{"QMP": []}'])
    t.throws(() => parseMessage(line), { name: 'QmpProtocolError' }, JSON.stringify(line));
});

t.test('a command is one line', async (t) => {
  t.equal(encodeCommand('stop', undefined, 'a'), '{"execute":"stop","id":"a"}');
  const nasty = encodeCommand('x', { text: 'a\nb\u2028' }, 'a');
  t.notMatch(nasty, '\n');
});
