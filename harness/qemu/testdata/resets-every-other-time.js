#!/usr/bin/env node
// Every second repeat of an instance dies, as resets.js; the others behave, as refuses.js.
import { readFileSync } from 'node:fs';
import { argument } from './fake-qemu.js';

const payload = readFileSync(argument(/node-name=payload.*filename=([^,]+)/), 'latin1');
const repeat = Number(/^choice=.*~repeat-(\d+)$/m.exec(payload)?.[1]);
await import(repeat % 2 === 0 ? './resets.js' : './refuses.js');
