#!/usr/bin/env node
// Well behaved the first time, as refuses.js; the second repeat of an instance never ends.
import { readFileSync } from 'node:fs';
import { argument, live, speakQmp } from './fake-qemu.js';

const payload = readFileSync(argument(/node-name=payload.*filename=([^,]+)/), 'latin1');
if (/^choice=.*~repeat-2$/m.test(payload)) {
  speakQmp();
  live();
} else await import('./refuses.js');
