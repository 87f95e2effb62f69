/**
 * What the misbehaving QEMUs beside this file have in common: they take QEMU's argv, connect where it says, speak QMP,
 * and print what our loader configuration prints. Each tells its process number first.
 */
import { createWriteStream, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

process.stderr.write(`pid ${process.pid}\n`);

/** The first value in argv that `pattern` captures. */
export function argument(pattern) {
  for (const word of process.argv.slice(2)) {
    const value = pattern.exec(word)?.[1];
    if (value !== undefined) return value;
  }
  throw new Error(`no argument matches ${pattern}`);
}

const connected = (id) => connect(argument(new RegExp(`id=${id},path=([^,]+)`))).on('error', () => {});

/** QEMU opens its serial pipe and connects its monitor first of all. */
const pipe = openSync(`${argument(/^pipe,id=serial0,path=([^,]+)/)}.out`, 'w');
export const serial = createWriteStream('', { fd: pipe }).on('error', () => {});
export const qmp = connected('qmp');

/** Stays alive, whatever is closed. */
export function live() {
  setInterval(() => {}, 1000);
}

/** Those without a `migration` cannot be frozen. */
const NO_MIGRATION = { class: 'GenericError', desc: "Invalid parameter 'x-ignore-shared'" };

/**
 * A migration that ends well, for `speakQmp`: to a socket some bytes are sent, from a file nothing is read.
 * `loads` false: the end of loading is never told.
 */
export const migration = ({ loads = true } = {}) => ({
  'migrate-set-capabilities': () => {},
  'migrate-set-parameters': () => {},
  migrate: ({ uri }) =>
    connect(uri.replace(/^unix:/, '')).end('devices', () => event('MIGRATION', { status: 'completed' })),
  'migrate-incoming': () => {
    if (loads) event('MIGRATION', { status: 'completed' });
  },
});

/** Whether this machine's state is to be loaded. */
export const isFork = process.argv.includes('-incoming');

/** Greets, then answers each command with an empty object and tells `on[command]`; null: it is never answered. */
export function speakQmp(on = {}) {
  let held = '';
  const say = (message) => qmp.write(`${JSON.stringify(message)}\r\n`);
  say({ QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 }, package: '' }, capabilities: [] } });
  qmp.on('data', (chunk) => {
    const lines = (held + chunk).split('\n');
    held = lines.pop();
    for (const { execute, id, arguments: given } of lines.map((line) => JSON.parse(line))) {
      if (on[execute] === null) continue;
      const refuses = execute.startsWith('migrate') && !on[execute];
      say(refuses ? { error: NO_MIGRATION, id } : { return: {}, id });
      on[execute]?.(given);
    }
  });
}

export function event(name, data = {}) {
  const timestamp = { seconds: 1, microseconds: 0 };
  qmp.write(`${JSON.stringify({ event: name, data, timestamp })}\r\n`);
}

/** What pvpanic does under `-action panic=pause`. */
export function hold() {
  event('GUEST_PANICKED', { action: 'pause' });
  event('STOP');
}

export const print = (...lines) => serial.write(lines.map((line) => `${line}\r\n`).join(''));

/** 64 MiB of RAM, of which the firmware keeps the end of the first. */
const MEMORY_MAP = [
  'base_addr = 0x0, length = 0x9fc00, available RAM',
  'base_addr = 0xf0000, length = 0x10000, reserved RAM',
  'base_addr = 0x100000, length = 0x3f00000, available RAM',
];

/**
 * Up to the choice, as every boot begins: GRUB rings when it is ready for the payload, and `then` follows the next `cont`.
 * A fork has that behind it.
 */
export function start(then) {
  let continued = isFork ? 1 : 0;
  return () => {
    if (++continued > 1) {
      print(`loadbase: choice ${choice()}`);
      return then();
    }
    print('loadbase: loader started', 'loadbase: memory map', ...MEMORY_MAP, 'loadbase: memory map end');
    print('loadbase: ready');
    hold();
  };
}

const choice = () =>
  /choice=(.*)\n/.exec(readFileSync(argument(/node-name=payload.*filename=([^,]+)/), 'latin1'))?.[1] ??
  'fake';

/** What the payload drive asks for. */
export function wantsSurvey() {
  return readFileSync(argument(/node-name=payload.*filename=([^,]+)/), 'latin1').includes('mode=survey\n');
}

/** A kernel is loaded at 0x400000 and the machine is held. */
export const handOff = start(() => {
  print(
    'loadbase: loading',
    'relocatable=1, link_base_addr=0x200000, load_base_addr=0x400000',
    'loadbase: loaded',
  );
  hold();
});

/** QEMU's gdbstub socket; each connection is given to `onConnection`. */
export function listenForGdb(onConnection) {
  createServer(onConnection).listen(argument(/^unix:([^,]+),server=on/));
}
