import { isUtf8 } from 'node:buffer';
import type { Platform } from '#runner/source/platform.ts';
import { decompress } from './decompress.ts';
import { openArchive } from './zip-archive.ts';

export const NODE_PLATFORM: Platform = { isUtf8, decompress, openArchive };
