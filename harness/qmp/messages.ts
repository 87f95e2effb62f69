import { QmpProtocolError } from './errors.ts';

/** What the server says first: its version and capabilities (QEMU Machine Protocol Specification, "Server Greeting"). */
export interface QmpGreeting {
  readonly version: { readonly major: number; readonly minor: number; readonly micro: number };
  /** The packager's suffix, like `Debian 1:7.2+dfsg-7`; empty for a plain build. */
  readonly package: string;
  readonly capabilities: readonly string[];
}

/** A message from the server. */
export type QmpMessage =
  | { readonly kind: 'greeting'; readonly greeting: QmpGreeting }
  | { readonly kind: 'return'; readonly id: string | undefined; readonly value: unknown }
  | {
      readonly kind: 'error';
      readonly id: string | undefined;
      readonly error: { readonly class: string; readonly desc: string };
    }
  | {
      readonly kind: 'event';
      readonly name: string;
      readonly data: Readonly<Record<string, unknown>>;
      /** QEMU's clock, Unix time; undefined where QEMU could not tell it. */
      readonly timeMs: number | undefined;
    };

type Json = Readonly<Record<string, unknown>>;

/** One command as a line of the protocol ("Issuing Commands"). */
export function encodeCommand(command: string, args: Json | undefined, id: string): string {
  return JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id });
}

/** @throws QmpProtocolError where `line` is no JSON object or none of the four kinds of message. */
export function parseMessage(line: string): QmpMessage {
  const json = parseObject(line);
  if ('QMP' in json) return { kind: 'greeting', greeting: parseGreeting(json.QMP, line) };
  if ('event' in json) return parseEvent(json, line);
  const id = typeof json.id === 'string' ? json.id : undefined;
  if ('return' in json) return { kind: 'return', id, value: json.return };
  if (isObject(json.error) && typeof json.error.class === 'string' && typeof json.error.desc === 'string')
    return { kind: 'error', id, error: { class: json.error.class, desc: json.error.desc } };
  throw unexpected('a message that is no greeting, return, error or event', line);
}

function parseObject(line: string): Json {
  try {
    const json: unknown = JSON.parse(line);
    if (isObject(json)) return json;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw unexpected('a line that is no JSON object', line);
}

function parseGreeting(value: unknown, line: string): QmpGreeting {
  const version = isObject(value) && isObject(value.version) ? value.version : {};
  const qemu = isObject(version.qemu) ? version.qemu : {};
  const { major, minor, micro } = qemu;
  if (typeof major !== 'number' || typeof minor !== 'number' || typeof micro !== 'number')
    throw unexpected('a greeting without a version', line);
  const capabilities = isObject(value) && Array.isArray(value.capabilities) ? value.capabilities : [];
  return {
    version: { major, minor, micro },
    package: typeof version.package === 'string' ? version.package.trim().replace(/^\((.*)\)$/, '$1') : '',
    capabilities: capabilities.filter((name): name is string => typeof name === 'string'),
  };
}

function parseEvent(json: Json, line: string): QmpMessage {
  if (typeof json.event !== 'string') throw unexpected('an event without a name', line);
  const { seconds, microseconds } = isObject(json.timestamp) ? json.timestamp : {};
  // -1 stands for a clock that failed ("Asynchronous events").
  const known = typeof seconds === 'number' && typeof microseconds === 'number' && seconds >= 0;
  return {
    kind: 'event',
    name: json.event,
    data: isObject(json.data) ? json.data : {},
    timeMs: known ? seconds * 1000 + microseconds / 1000 : undefined,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unexpected(what: string, line: string): QmpProtocolError {
  return new QmpProtocolError(what, line.slice(0, 200));
}
