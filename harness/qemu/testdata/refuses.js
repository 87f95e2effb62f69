#!/usr/bin/env node
// Well behaved, see refusal.js; it cannot be frozen.
import { live, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ cont: refusal });
live();
