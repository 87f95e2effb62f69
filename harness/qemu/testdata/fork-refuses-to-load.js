#!/usr/bin/env node
// Can be frozen; a fork refuses the command that loads it, and goes on living.
import { live, migration, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ ...migration(), cont: refusal, 'migrate-incoming': undefined });
live();
