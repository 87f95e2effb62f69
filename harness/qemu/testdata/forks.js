#!/usr/bin/env node
// Well behaved as refuses.js, and can be frozen and forked.
import { live, migration, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ ...migration(), cont: refusal });
live();
